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

/** Reads the transfer log; the event consumer writes it. */
@Injectable()
export class TransferLogRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  async list(
    tenantId: string,
    filter: TransferFilter,
    descending: boolean,
    after: readonly unknown[] | null,
    limit: number,
  ): Promise<TransferRecord[]> {
    const query = new ListQuery().where('t.tenant_id = ?::uuid', tenantId);
    if (filter.account !== undefined) whereAccount(query, 't.account_id', filter.account, 't.account');
    if (filter.sessionId !== undefined) query.where('t.session_id = ?::uuid', filter.sessionId);
    if (filter.direction !== undefined) query.where('t.direction = ?', filter.direction);
    if (filter.outcome !== undefined) query.where('t.outcome = ?', filter.outcome);
    if (filter.protocol !== undefined) query.where('t.protocol = ?', filter.protocol);
    if (filter.from !== undefined) query.where('t.started_at >= ?', filter.from);
    if (filter.to !== undefined) query.where('t.started_at < ?', filter.to);
    if (filter.path?.prefix === true) query.where('t.path LIKE ?', prefixPattern(filter.path.text));
    else if (filter.path !== undefined) query.where('t.path = ?', filter.path.text);
    const { statement, values } = query
      .after(LIST_ORDER, descending, after)
      .build(SELECT, LIST_ORDER, descending, limit);
    return this.database.rows<TransferRecord>(statement, values);
  }
}
