import type { Entry } from '@quayside/storage';

/** Receipts kept; one costs about 300 bytes. */
const LIMIT = 16_384;

type Content = Pick<Entry, 'unique' | 'size' | 'modifiedMs'>;

interface Receipt {
  readonly size: number;
  readonly modifiedMs: number;
  readonly sha256: string;
}

/**
 * SHA-256 of what this process stored, for the fact `X.sha256`: the newest ones, in memory. One is given out only while
 * object, size and time are those of the commit, so that content which anybody has changed since has none.
 */
export class Receipts {
  readonly #byObject = new Map<string, Receipt>();

  /** @param spaceId the space that `entry.unique` is unique in */
  add(spaceId: string, { unique, size, modifiedMs }: Content, sha256: string): void {
    const key = keyOf(spaceId, unique);
    this.#byObject.delete(key);
    this.#byObject.set(key, { size, modifiedMs, sha256 });
    if (this.#byObject.size > LIMIT) this.#byObject.delete(this.#byObject.keys().next().value!);
  }

  find(spaceId: string, { unique, size, modifiedMs }: Content): string | null {
    const receipt = this.#byObject.get(keyOf(spaceId, unique));
    return receipt?.size === size && receipt.modifiedMs === modifiedMs ? receipt.sha256 : null;
  }
}

function keyOf(spaceId: string, unique: string): string {
  return `${spaceId} ${unique}`;
}
