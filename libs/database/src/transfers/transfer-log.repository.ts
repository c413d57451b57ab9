import { Inject, Injectable } from '@nestjs/common';
import { Database } from '../database.js';
import { type AccountFilterValue, whereAccount } from '../event-log/account-filter.js';
import { ListQuery, prefixPattern, type SortKey } from '../list-query.js';

export interface TransferRecord {
  readonly id: string;
  readonly accountId: string;
  readonly account: string;
  readonly direction: string;
  readonly path: string;
  readonly bytes: number;
  readonly outcome: string;
  readonly reason: string | null;
  readonly sha256: string | null;
  readonly protocol: string;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly sessionId: string;
  readonly remoteAddress: string;
  readonly node: string | null;
}

export interface TransferFilter {
  readonly account?: AccountFilterValue | undefined;
  readonly sessionId?: string | undefined;
  readonly direction?: string | undefined;
  readonly outcome?: string | undefined;
  readonly protocol?: string | undefined;
  /** Started at or after. */
  readonly from?: Date | undefined;
  /** Started before. */
  readonly to?: Date | undefined;
  /** Exact path, or with `prefix` its start. */
  readonly path?: { readonly text: string; readonly prefix: boolean } | undefined;
}

const SELECT = `
  SELECT t.id, t.account_id AS "accountId", t.account, t.direction, t.path, t.bytes, t.outcome, t.reason, t.sha256,
    t.protocol, t.started_at AS "startedAt", t.finished_at AS "finishedAt", t.session_id AS "sessionId",
    t.remote_address AS "remoteAddress", t.node
  FROM transfer_log t`;

const LIST_ORDER: readonly SortKey[] = [
  { column: 't.started_at', type: 'timestamptz' },
  { column: 't.id', type: 'uuid' },
];

/** A part of the log: what was found, and how far it was searched. */
export interface FoundTransfers {
  readonly rows: TransferRecord[];
  /** The position of the last row that was looked at, where the search stopped before the end; null otherwise. */
  readonly searchedTo: readonly [string, string] | null;
}

/** How a filter without an index searches: in steps of so many rows of the log, for so long. */
export interface SearchEffort {
  readonly firstRows: number;
  readonly mostRows: number;
  readonly budgetMs: number;
}

const EFFORT: SearchEffort = { firstRows: 4_000, mostRows: 256_000, budgetMs: 4_000 };

/** Reads the transfer log; the event consumer writes it. */
@Injectable()
export class TransferLogRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  /**
   * The rows after a position. Tenant, account, session and time have indexes. The other filters have none, because each
   * index would slow every transfer down: they look through the log step by step, and where that takes too long the
   * answer says how far it has come.
   */
  async list(
    tenantId: string,
    filter: TransferFilter,
    descending: boolean,
    after: readonly unknown[] | null,
    limit: number,
    effort: SearchEffort = EFFORT,
  ): Promise<FoundTransfers> {
    const { direction, outcome, protocol, path, account, sessionId } = filter;
    const byName = account !== undefined && 'name' in account;
    const indexed = sessionId !== undefined || !(byName || [direction, outcome, protocol, path].some(isGiven));
    const read = (from: readonly unknown[] | null, most: number, to: readonly unknown[] | null) => {
      const query = narrowed(matching(indexedPart(tenantId, filter), filter), from, to, descending);
      const { statement, values } = query.build(SELECT, LIST_ORDER, descending, most);
      return this.database.rows<TransferRecord>(statement, values);
    };
    if (indexed) return { rows: await read(after, limit, null), searchedTo: null };
    const untilMs = performance.now() + effort.budgetMs;
    const rows: TransferRecord[] = [];
    for (let step = effort.firstRows, from = after; ; step = Math.min(step * 4, effort.mostRows)) {
      const to = await this.#rowAt(step, narrowed(indexedPart(tenantId, filter), from, null, descending), descending);
      rows.push(...(await read(from, limit - rows.length, to)));
      if (to === null || rows.length >= limit) return { rows, searchedTo: null };
      if (performance.now() >= untilMs) return { rows, searchedTo: to };
      from = to;
    }
  }

  /** The position of the row with that number in the order; null where there are fewer. Read from an index alone. */
  async #rowAt(number: number, query: ListQuery, descending: boolean): Promise<readonly [string, string] | null> {
    const select = 'SELECT t.id, t.started_at AS "startedAt" FROM transfer_log t';
    const { statement, values } = query.build(select, LIST_ORDER, descending, 1, number - 1);
    const [row] = await this.database.rows<Pick<TransferRecord, 'id' | 'startedAt'>>(statement, values);
    return row === undefined ? null : [row.startedAt.toISOString(), row.id];
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined;
}

function indexedPart(tenantId: string, { account, sessionId, from, to }: TransferFilter): ListQuery {
  const query = new ListQuery().where('t.tenant_id = ?::uuid', tenantId);
  if (account !== undefined && 'id' in account) whereAccount(query, 't.account_id', account, 't.account');
  if (sessionId !== undefined) query.where('t.session_id = ?::uuid', sessionId);
  if (from !== undefined) query.where('t.started_at >= ?', from);
  if (to !== undefined) query.where('t.started_at < ?', to);
  return query;
}

function matching(query: ListQuery, { account, direction, outcome, protocol, path }: TransferFilter): ListQuery {
  if (account !== undefined && 'name' in account) whereAccount(query, 't.account_id', account, 't.account');
  if (direction !== undefined) query.where('t.direction = ?', direction);
  if (outcome !== undefined) query.where('t.outcome = ?', outcome);
  if (protocol !== undefined) query.where('t.protocol = ?', protocol);
  if (path?.prefix === true) query.where('t.path LIKE ?', prefixPattern(path.text));
  else if (path !== undefined) query.where('t.path = ?', path.text);
  return query;
}

/** The rows after `from`, up to and with `to`. */
function narrowed(
  query: ListQuery,
  from: readonly unknown[] | null,
  to: readonly unknown[] | null,
  descending: boolean,
): ListQuery {
  query.after(LIST_ORDER, descending, from);
  if (to === null) return query;
  return query.where(`(t.started_at, t.id) ${descending ? '>=' : '<='} (?::timestamptz, ?::uuid)`, ...to);
}
