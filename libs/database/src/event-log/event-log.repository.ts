import { Inject, Injectable } from '@nestjs/common';
import { Database, type Statement } from '../database.js';
import { ListQuery, prefixPattern, type SortKey } from '../list-query.js';
import { type AccountFilterValue, whereAccount } from './account-filter.js';

export interface EventRecord {
  readonly id: string;
  readonly at: Date;
  readonly type: string;
  readonly v: number;
  readonly accountId: string | null;
  readonly sessionId: string | null;
  readonly node: string | null;
  readonly worker: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventFilter {
  readonly account?: AccountFilterValue | undefined;
  readonly sessionId?: string | undefined;
  /** Exact type, or with `prefix` its start. */
  readonly type?: { readonly text: string; readonly prefix: boolean } | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  /** Exact `data.path`, or with `prefix` its start. */
  readonly path?: { readonly text: string; readonly prefix: boolean } | undefined;
}

const SELECT = `
  SELECT e.id, e.at, e.type, e.v, e.account_id AS "accountId", e.session_id AS "sessionId", e.node, e.worker, e.data
  FROM event e`;

const LIST_ORDER: readonly SortKey[] = [
  { column: 'e.at', type: 'timestamptz' },
  { column: 'e.id', type: 'uuid' },
];

const BY_IDS: Statement = {
  name: 'event-by-ids',
  text: `${SELECT} WHERE e.tenant_id = $1::uuid AND e.id = ANY ($2::uuid[]) ORDER BY e.id`,
};
// Renewed at most every few seconds, by each API process that has viewers of the tenant.
const WATCH: Statement = {
  name: 'event-watch',
  text: `INSERT INTO event_watch (tenant_id, watched_until) VALUES ($1::uuid, now() + $2::int * interval '1 millisecond')
         ON CONFLICT (tenant_id) DO UPDATE SET watched_until = greatest(event_watch.watched_until, excluded.watched_until)`,
};

/** Reads the event log; the event consumer writes it. */
@Injectable()
export class EventLogRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  async list(
    tenantId: string,
    filter: EventFilter,
    descending: boolean,
    after: readonly unknown[] | null,
    limit: number,
  ): Promise<EventRecord[]> {
    const query = new ListQuery().where('e.tenant_id = ?::uuid', tenantId);
    if (filter.account !== undefined) whereAccount(query, 'e.account_id', filter.account, "e.data->>'account'");
    if (filter.sessionId !== undefined) query.where('e.session_id = ?::uuid', filter.sessionId);
    if (filter.type?.prefix === true) query.where('e.type LIKE ?', prefixPattern(filter.type.text));
    else if (filter.type !== undefined) query.where('e.type = ?', filter.type.text);
    if (filter.from !== undefined) query.where('e.at >= ?', filter.from);
    if (filter.to !== undefined) query.where('e.at < ?', filter.to);
    if (filter.path?.prefix === true) query.where("e.data->>'path' LIKE ?", prefixPattern(filter.path.text));
    else if (filter.path !== undefined) query.where("e.data->>'path' = ?", filter.path.text);
    const { statement, values } = query
      .after(LIST_ORDER, descending, after)
      .build(SELECT, LIST_ORDER, descending, limit);
    return this.database.rows<EventRecord>(statement, values);
  }

  /** In the order of their ids. */
  byIds(tenantId: string, ids: readonly string[]): Promise<EventRecord[]> {
    return this.database.rows<EventRecord>(BY_IDS, [tenantId, ids]);
  }

  /** From now on, and for `ms`, new events of the tenant are told of by NOTIFY. */
  async watch(tenantId: string, ms: number): Promise<void> {
    await this.database.rows(WATCH, [tenantId, ms]);
  }
}
