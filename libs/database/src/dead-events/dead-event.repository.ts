import { Inject, Injectable } from '@nestjs/common';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';

/** What of an event could not be applied: the event itself, or its entry of the ledger. */
export type DeadPart = 'event' | 'ledger';

export interface NewDeadEvent {
  readonly id: string;
  readonly part: DeadPart;
  readonly type: string;
  /** RFC 3339. */
  readonly at: string;
  readonly tenantId: string | null;
  readonly source: 'spool' | 'queue' | 'outbox';
  /** Why it cannot be applied. */
  readonly fault: string;
  /** JSON text. */
  readonly content: string;
}

export interface DeadEventRecord extends Omit<NewDeadEvent, 'at'> {
  readonly at: Date;
  readonly foundAt: Date;
}

const ADD: Statement = {
  name: 'dead_event_add',
  text: `INSERT INTO dead_event (id, part, type, at, tenant_id, source, fault, content)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
};
const COLUMNS = `d.id, d.part, d.type, d.at, d.tenant_id AS "tenantId", d.source, d.fault, d.content, d.found_at AS "foundAt"`;
const SELECT = `SELECT ${COLUMNS} FROM dead_event d`;
const LIST_ORDER: readonly SortKey[] = [
  { column: 'd.found_at', type: 'timestamptz' },
  { column: 'd.id', type: 'uuid' },
  { column: 'd.part', type: 'text' },
];
const REMOVE: Statement = {
  name: 'dead_event_remove',
  text: `DELETE FROM dead_event d WHERE d.id = $1 AND d.part = $2 RETURNING ${COLUMNS}`,
};
const TO_OUTBOX: Statement = { name: 'dead_event_to_outbox', text: 'INSERT INTO outbox (id, event) VALUES ($1, $2)' };
const COUNT: Statement = { name: 'dead_event_count', text: 'SELECT count(*)::int AS count FROM dead_event' };
const PRUNE: Statement = {
  name: 'dead_event_prune',
  text: `DELETE FROM dead_event WHERE (id, part) IN (
           SELECT id, part FROM dead_event WHERE found_at < now() - $1::int * interval '1 day' ORDER BY found_at LIMIT $2)
         RETURNING 1 AS pruned`,
};

/** Events that were set aside because they can never be applied as they are. */
@Injectable()
export class DeadEventRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** The first reason stays where it is there already. */
  async add(dead: NewDeadEvent): Promise<void> {
    const { id, part, type, at, tenantId, source, fault, content } = dead;
    // PostgreSQL takes no NUL in texts; JSON writes it as an escape.
    const values = [id, part, type, at, tenantId, source, fault.replaceAll('\0', '').slice(0, 2_000), content];
    await this.database.rows(ADD, values);
  }

  list(descending: boolean, after: readonly unknown[] | null, limit: number): Promise<DeadEventRecord[]> {
    const query = new ListQuery().after(LIST_ORDER, descending, after);
    const { statement, values } = query.build(SELECT, LIST_ORDER, descending, limit);
    return this.database.rows<DeadEventRecord>(statement, values);
  }

  /** What was removed; null where there is none. */
  async remove(id: string, part: DeadPart, queries: Queryable): Promise<DeadEventRecord | null> {
    return (await queries.rows<DeadEventRecord>(REMOVE, [id, part]))[0] ?? null;
  }

  /** Within the transaction of {@link remove}: hands the event to the consumer again. */
  async post({ id, content }: Pick<DeadEventRecord, 'id' | 'content'>, queries: Queryable): Promise<void> {
    await queries.rows(TO_OUTBOX, [id, content]);
  }

  async count(): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(COUNT);
    return row!.count;
  }

  /** Forget what was set aside more than `days` ago, at most `most` of it; resolves to how many. */
  async prune(days: number, most: number): Promise<number> {
    return (await this.database.rows(PRUNE, [days, most])).length;
  }
}
