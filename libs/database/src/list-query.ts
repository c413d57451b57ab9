import { createHash } from 'node:crypto';
import type { Statement } from './database.js';

/** One sort key of a list: an SQL expression and the type its cursor value is cast to. */
export interface SortKey {
  readonly column: string;
  readonly type: 'timestamptz' | 'uuid' | 'text' | 'bigint';
}

/**
 * The SELECT of a filtered list. Only the conditions in use are in the text, so that the planner sees which index
 * serves them; values are always parameters.
 */
export class ListQuery {
  readonly #values: unknown[] = [];
  readonly #conditions: string[] = [];

  /** Adds a condition; each `?` stands for the next value. */
  where(condition: string, ...values: readonly unknown[]): this {
    let index = 0;
    this.#conditions.push(condition.replaceAll('?', () => this.#parameter(values[index++])));
    return this;
  }

  /** Keyset paging: rows behind `position` in the order of `keys`, as one row comparison that an index serves. */
  after(keys: readonly SortKey[], descending: boolean, position: readonly unknown[] | null): this {
    if (position === null) return this;
    const columns = keys.map((key) => key.column).join(', ');
    const values = keys.map((key, index) => `${this.#parameter(position[index])}::${key.type}`).join(', ');
    this.#conditions.push(`(${columns}) ${descending ? '<' : '>'} (${values})`);
    return this;
  }

  /** The statement and its values. `select` goes up to and with FROM. */
  build(
    select: string,
    keys: readonly SortKey[],
    descending: boolean,
    limit: number,
    offset = 0,
  ): { readonly statement: Statement; readonly values: readonly unknown[] } {
    const where = this.#conditions.length === 0 ? '' : `WHERE ${this.#conditions.join(' AND ')}`;
    const order = keys.map((key) => `${key.column} ${descending ? 'DESC' : 'ASC'}`).join(', ');
    const skip = offset === 0 ? '' : ` OFFSET ${this.#parameter(offset)}`;
    const text = `${select} ${where} ORDER BY ${order} LIMIT ${this.#parameter(limit)}${skip}`;
    const name = `list-${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
    return { statement: { name, text }, values: this.#values };
  }

  #parameter(value: unknown): string {
    this.#values.push(value);
    return `$${this.#values.length}`;
  }
}

/** A LIKE pattern for texts that start with `prefix`. */
export function prefixPattern(prefix: string): string {
  return `${prefix.replaceAll(/[\\%_]/g, '\\$&')}%`;
}
