import { Inject, Injectable } from '@nestjs/common';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, prefixPattern, type SortKey } from '../list-query.js';
import type { Transaction } from '../transaction.js';

/** What identifies a tenant, and whether it is suspended. */
export interface TenantRef {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly status: string;
}

export interface TenantRecord extends TenantRef {
  readonly statusText: string | null;
  readonly timeZone: string;
  readonly policyId: string | null;
  readonly anonymousAccountId: string | null;
  readonly anonymousDropFolder: string | null;
  readonly maxAccounts: number | null;
  readonly bytesLimit: number | null;
  readonly filesLimit: number | null;
  readonly bytesUsed: number;
  readonly filesUsed: number;
  readonly bytesReserved: number;
  readonly accounts: number;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface NewTenant {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly timeZone: string;
  readonly policyId: string | null;
  readonly maxAccounts: number | null;
  readonly bytesLimit: number | null;
  readonly filesLimit: number | null;
}

export type TenantChange = Partial<Omit<NewTenant, 'id'>> & {
  readonly status?: string;
  readonly statusText?: string | null;
  readonly anonymousAccountId?: string | null;
  readonly anonymousDropFolder?: string | null;
};

export interface TenantFilter {
  readonly status?: string | undefined;
  /** Start of the slug. */
  readonly q?: string | undefined;
}

export interface TenantSort {
  readonly by: 'slug' | 'createdAt';
  readonly descending: boolean;
}

const SELECT = `
  SELECT t.id, t.slug, t.name, t.status, t.status_text AS "statusText", t.time_zone AS "timeZone",
    t.policy_id AS "policyId", t.anonymous_account_id AS "anonymousAccountId",
    t.anonymous_drop_folder AS "anonymousDropFolder", t.max_accounts AS "maxAccounts", l.bytes_limit AS "bytesLimit",
    l.files_limit AS "filesLimit", coalesce(l.bytes_used, 0) AS "bytesUsed", coalesce(l.files_used, 0) AS "filesUsed",
    coalesce(l.bytes_reserved, 0) AS "bytesReserved",
    (SELECT count(*) FROM account a WHERE a.tenant_id = t.id) AS accounts,
    t.version, t.created_at AS "createdAt", t.updated_at AS "updatedAt"
  FROM tenant t LEFT JOIN quota_ledger l ON l.id = t.id AND l.kind = 'tenant'`;

const FIND: Statement = { name: 'tenant-find', text: `${SELECT} WHERE t.id = $1::uuid` };

/** NO KEY UPDATE does not wait for inserts that only refer to the tenant, and still orders those that count. */
const LOCK: Statement = {
  name: 'tenant-lock',
  text: 'SELECT t.id FROM tenant t WHERE t.id = $1::uuid FOR NO KEY UPDATE',
};

const HAS_ACCOUNT: Statement = {
  name: 'tenant-has-account',
  text: 'SELECT id FROM account WHERE tenant_id = $1::uuid AND id = $2::uuid',
};

const HOLDINGS: Statement = {
  name: 'tenant-holdings',
  text: `
    SELECT (SELECT count(*) FROM account WHERE tenant_id = $1::uuid) AS accounts,
      (SELECT count(*) FROM space WHERE tenant_id = $1::uuid) AS spaces`,
};

const SORT_KEYS: Readonly<Record<TenantSort['by'], readonly SortKey[]>> = {
  slug: [{ column: 't.slug', type: 'text' }],
  createdAt: [
    { column: 't.created_at', type: 'timestamptz' },
    { column: 't.id', type: 'uuid' },
  ],
};

@Injectable()
export class TenantRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  async find(tenantId: string, queries: Queryable = this.database): Promise<TenantRecord | null> {
    const [row] = await queries.rows<TenantRecord>(FIND, [tenantId]);
    return row ?? null;
  }

  /** Locks the tenant until the transaction ends, so that checks on its version and its accounts hold. */
  async lock(queries: Queryable, tenantId: string): Promise<TenantRecord | null> {
    await queries.rows(LOCK, [tenantId]);
    return this.find(tenantId, queries);
  }

  async list(
    filter: TenantFilter,
    sort: TenantSort,
    after: readonly unknown[] | null,
    limit: number,
  ): Promise<TenantRecord[]> {
    const query = new ListQuery();
    if (filter.status !== undefined) query.where('t.status = ?', filter.status);
    if (filter.q !== undefined) query.where('t.slug LIKE ?', prefixPattern(filter.q));
    const keys = SORT_KEYS[sort.by];
    const { statement, values } = query.after(keys, sort.descending, after).build(SELECT, keys, sort.descending, limit);
    return this.database.rows<TenantRecord>(statement, values);
  }

  /** The tenant and its ledger. */
  async insert(tx: Transaction, tenant: NewTenant): Promise<void> {
    const { bytesLimit, filesLimit, ...row } = tenant;
    await tx.tenant.create({ data: row });
    await tx.quotaLedger.create({
      data: { id: tenant.id, tenantId: tenant.id, kind: 'tenant', ...limitsData(bytesLimit, filesLimit) },
    });
  }

  /** Changes a locked tenant and counts its version up. */
  async update(tx: Transaction, tenantId: string, change: TenantChange): Promise<void> {
    const { bytesLimit, filesLimit, ...row } = change;
    await tx.tenant.update({ where: { id: tenantId }, data: { ...row, version: { increment: 1 } } });
    if (bytesLimit === undefined && filesLimit === undefined) return;
    await tx.quotaLedger.update({
      where: { id: tenantId },
      data: { ...limitsData(bytesLimit, filesLimit), version: { increment: 1 } },
    });
  }

  async hasAccount(queries: Queryable, tenantId: string, accountId: string): Promise<boolean> {
    return (await queries.rows(HAS_ACCOUNT, [tenantId, accountId])).length > 0;
  }

  /** What keeps the tenant from being deleted. */
  async holdings(
    queries: Queryable,
    tenantId: string,
  ): Promise<{ readonly accounts: number; readonly spaces: number }> {
    const [row] = await queries.rows<{ accounts: number; spaces: number }>(HOLDINGS, [tenantId]);
    return row!;
  }

  /** Deletes an empty tenant with its ledger, keys, domains and policies. */
  async delete(tx: Transaction, tenantId: string): Promise<void> {
    await tx.quotaLedger.deleteMany({ where: { tenantId } });
    await tx.tenant.delete({ where: { id: tenantId } });
  }
}

/** Limits as columns; undefined leaves one as it is. */
export function limitsData(
  bytes: number | null | undefined,
  files: number | null | undefined,
): { bytesLimit?: bigint | null; filesLimit?: bigint | null } {
  return {
    ...(bytes === undefined ? {} : { bytesLimit: bytes === null ? null : BigInt(bytes) }),
    ...(files === undefined ? {} : { filesLimit: files === null ? null : BigInt(files) }),
  };
}
