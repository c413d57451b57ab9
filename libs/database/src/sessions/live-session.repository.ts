import { Inject, Injectable } from '@nestjs/common';
import { sourceOf } from '@quayside/domain';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';
import type { Transaction } from '../transaction.js';
import type { SessionActivity } from './ftp-sessions.repository.js';

export interface LiveSessionRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly tenant: string;
  readonly accountId: string;
  readonly username: string;
  readonly remoteAddress: string;
  readonly protocol: string;
  readonly tlsVersion: string | null;
  readonly tlsCipher: string | null;
  readonly clientName: string | null;
  readonly openedAt: Date;
  readonly seenAt: Date;
  readonly activity: SessionActivity | null;
  readonly endReason: string | null;
  readonly node: string;
}

export interface LiveSessionFilter {
  readonly accountId?: string | undefined;
  readonly remoteAddress?: string | undefined;
  readonly protocol?: string | undefined;
  /** Name of the node. */
  readonly node?: string | undefined;
}

const SELECT = `
  SELECT s.id, s.tenant_id AS "tenantId", t.slug AS tenant, s.account_id AS "accountId", s.username, s.remote_address AS "remoteAddress", s.protocol,
    s.tls_version AS "tlsVersion", s.tls_cipher AS "tlsCipher", s.client_name AS "clientName",
    s.opened_at AS "openedAt", s.seen_at AS "seenAt", s.activity, s.end_reason AS "endReason", n.name AS node
  FROM ftp_session s JOIN worker w ON w.id = s.worker_id JOIN node n ON n.id = w.node_id
    JOIN tenant t ON t.id = s.tenant_id`;

const FIND: Statement = {
  name: 'live-session-find',
  text: `${SELECT} WHERE s.tenant_id = $1::uuid AND s.id = $2::uuid`,
};

const END_MANY: Statement = {
  name: 'live-session-end-many',
  text: `
    UPDATE ftp_session SET end_reason = $4
    WHERE ($1::uuid IS NULL OR tenant_id = $1::uuid) AND ($2::uuid IS NULL OR account_id = $2::uuid)
      AND ($3::text IS NULL OR remote_address = $3::text) AND end_reason IS NULL
    RETURNING id`,
};

const ADDRESSES: Statement = {
  name: 'live-session-addresses',
  text: `SELECT DISTINCT remote_address AS address FROM ftp_session WHERE end_reason IS NULL`,
};
const END_ADDRESSES: Statement = {
  name: 'live-session-end-addresses',
  text: `
    UPDATE ftp_session SET end_reason = $4
    WHERE remote_address = ANY ($1::text[]) AND end_reason IS NULL AND ($2::text IS NULL OR (username = $2::text AND tenant_id IN (
      SELECT id FROM tenant WHERE slug = $3::text UNION ALL SELECT tenant_id FROM tenant_domain WHERE domain = $3::text)))
    RETURNING id`,
};

/** A session has no row in its first moments: the workers look among all they have. */
const TELL: Statement = {
  name: 'live-session-tell',
  text: `
    SELECT pg_notify('quayside_changed', json_build_object(
      'table', 'ended_sessions', 'op', 'update', 'id', NULL, 'tenantId', NULL, 'accountId', NULL,
      'ended', json_build_object(
        'tenantIds', CASE
          WHEN $1::uuid IS NOT NULL THEN json_build_array($1::uuid)
          WHEN $2::text IS NOT NULL THEN (SELECT coalesce(json_agg(of_slug.id), '[]') FROM (
            SELECT id FROM tenant WHERE slug = $2::text
            UNION SELECT tenant_id FROM tenant_domain WHERE domain = $2::text) of_slug) END,
        'accountId', $3::uuid, 'address', $4::text, 'source', $5::text, 'username', $6::text))::text)::text AS told`,
};

const LIST_ORDER: readonly SortKey[] = [
  { column: 's.opened_at', type: 'timestamptz' },
  { column: 's.id', type: 'uuid' },
];

/** The live sessions of all nodes, for whoever watches them and ends them; the workers write them. */
@Injectable()
export class LiveSessionRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  async find(tenantId: string, id: string): Promise<LiveSessionRecord | null> {
    const [row] = await this.database.rows<LiveSessionRecord>(FIND, [tenantId, id]);
    return row ?? null;
  }

  /** Newest first; `tenantId` null lists the sessions of all tenants. */
  async list(
    tenantId: string | null,
    filter: LiveSessionFilter,
    after: readonly unknown[] | null,
    limit: number,
  ): Promise<LiveSessionRecord[]> {
    const query = new ListQuery();
    if (tenantId !== null) query.where('s.tenant_id = ?::uuid', tenantId);
    if (filter.accountId !== undefined) query.where('s.account_id = ?::uuid', filter.accountId);
    if (filter.remoteAddress !== undefined) query.where('s.remote_address = ?', filter.remoteAddress);
    if (filter.protocol !== undefined) query.where('s.protocol = ?', filter.protocol);
    if (filter.node !== undefined) query.where('n.name = ?', filter.node);
    const { statement, values } = query.after(LIST_ORDER, true, after).build(SELECT, LIST_ORDER, true, limit);
    return this.database.rows<LiveSessionRecord>(statement, values);
  }

  /** Asks the session's worker to end it; a trigger tells the worker at once. Whether there is such a session. */
  async requestEnd(tx: Transaction, tenantId: string, id: string, reason: string): Promise<boolean> {
    const { count } = await tx.ftpSession.updateMany({ where: { id, tenantId }, data: { endReason: reason } });
    return count === 1;
  }

  /** The same for all sessions of an account, an address or both; resolves to how many. Null: of all tenants. */
  async requestEndOfMany(
    queries: Queryable,
    tenantId: string | null,
    filter: Pick<LiveSessionFilter, 'accountId' | 'remoteAddress'>,
    reason: string,
  ): Promise<number> {
    const { accountId = null, remoteAddress = null } = filter;
    await queries.rows(TELL, [tenantId, null, accountId, remoteAddress, null, null]);
    const values = [tenantId, accountId, remoteAddress, reason];
    return (await queries.rows(END_MANY, values)).length;
  }

  /** The same for all sessions of a source (`sourceOf` an address), with `login` of that account only. */
  async requestEndOfSource(
    queries: Queryable,
    source: string,
    login: { readonly username: string; readonly tenant: string | null } | null,
    reason: string,
  ): Promise<number> {
    await queries.rows(TELL, [null, login?.tenant ?? null, null, null, source, login?.username ?? null]);
    const rows = await queries.rows<{ address: string }>(ADDRESSES, []);
    const addresses = rows.map(({ address }) => address).filter((address) => sourceOf(address) === source);
    if (addresses.length === 0) return 0;
    const values = [addresses, login?.username ?? null, login?.tenant ?? null, reason];
    return (await queries.rows(END_ADDRESSES, values)).length;
  }
}
