import { Inject, Injectable } from '@nestjs/common';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, prefixPattern, type SortKey } from '../list-query.js';
import { limitsData } from '../tenants/tenant.repository.js';
import type { Transaction } from '../transaction.js';

/** An account with the quota and usage of its own space, the one mounted at `/`. */
export interface AccountRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly username: string;
  readonly status: string;
  readonly statusText: string | null;
  readonly policyId: string | null;
  readonly expiresAt: Date | null;
  readonly decoy: boolean;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly spaceId: string | null;
  readonly bytesLimit: number | null;
  readonly filesLimit: number | null;
  readonly bytesUsed: number;
  readonly filesUsed: number;
  /** Reserved by running uploads and kept partials together. */
  readonly bytesReserved: number;
  /** Kept partials alone. */
  readonly bytesStaged: number;
}

export interface NewAccount {
  readonly id: string;
  readonly tenantId: string;
  readonly username: string;
  readonly policyId: string | null;
  readonly expiresAt: Date | null;
  readonly decoy: boolean;
  readonly credentialId: string;
  readonly passwordHash: string;
  /** A space of its own, to be made with its ledger; null where it mounts only others. */
  readonly space: {
    readonly id: string;
    readonly bytesLimit: number | null;
    readonly filesLimit: number | null;
  } | null;
  readonly mounts: readonly NewAccountMount[];
}

export interface NewAccountMount {
  readonly id: string;
  readonly spaceId: string;
  readonly path: string;
  readonly subpath: string;
  readonly permissions: readonly string[];
}

export interface AccountChange {
  readonly username?: string;
  readonly status?: string;
  readonly statusText?: string | null;
  readonly policyId?: string | null;
  readonly expiresAt?: Date | null;
  readonly decoy?: boolean;
  readonly passwordHash?: string;
  readonly bytesLimit?: number | null;
  readonly filesLimit?: number | null;
}

export interface AccountFilter {
  readonly status?: string | undefined;
  /** Start of the user name. */
  readonly q?: string | undefined;
}

export interface AccountSort {
  readonly by: 'username' | 'createdAt';
  readonly descending: boolean;
}

const SELECT = `
  SELECT a.id, a.tenant_id AS "tenantId", a.username, a.status, a.status_text AS "statusText",
    a.policy_id AS "policyId", a.expires_at AS "expiresAt", a.decoy, a.version, a.created_at AS "createdAt",
    a.updated_at AS "updatedAt", m.space_id AS "spaceId", l.bytes_limit AS "bytesLimit",
    l.files_limit AS "filesLimit", coalesce(l.bytes_used, 0) AS "bytesUsed", coalesce(l.files_used, 0) AS "filesUsed",
    coalesce(l.bytes_reserved, 0) AS "bytesReserved",
    (SELECT coalesce(sum(p.bytes), 0)::bigint FROM quota_lease p WHERE p.space_id = m.space_id AND p.kind = 'partial')
      AS "bytesStaged"
  FROM account a
  LEFT JOIN mount m ON m.account_id = a.id AND m.path = '/'
  LEFT JOIN quota_ledger l ON l.id = m.space_id AND l.kind = 'space'`;

const FIND: Statement = {
  name: 'account-find',
  text: `${SELECT} WHERE a.tenant_id = $1::uuid AND (a.id = $2::uuid OR a.username = $3::text)`,
};

const LOCK: Statement = {
  name: 'account-lock',
  text: `
    SELECT a.id FROM account a
    WHERE a.tenant_id = $1::uuid AND (a.id = $2::uuid OR a.username = $3::text) FOR NO KEY UPDATE`,
};

const POLICY_EXISTS: Statement = {
  name: 'account-policy-exists',
  text: 'SELECT 1 AS found FROM policy WHERE id = $2::uuid AND (tenant_id = $1::uuid OR tenant_id IS NULL)',
};

const SORT_KEYS: Readonly<Record<AccountSort['by'], readonly SortKey[]>> = {
  username: [{ column: 'a.username', type: 'text' }],
  createdAt: [
    { column: 'a.created_at', type: 'timestamptz' },
    { column: 'a.id', type: 'uuid' },
  ],
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

@Injectable()
export class AccountRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** @param account id or user name */
  async find(tenantId: string, account: string, queries: Queryable = this.database): Promise<AccountRecord | null> {
    const [row] = await queries.rows<AccountRecord>(FIND, [tenantId, ...nameOrId(account)]);
    return row ?? null;
  }

  /** Locks the account until the transaction ends, so that a check on its version holds. */
  async lock(queries: Queryable, tenantId: string, account: string): Promise<AccountRecord | null> {
    const [locked] = await queries.rows<{ id: string }>(LOCK, [tenantId, ...nameOrId(account)]);
    return locked === undefined ? null : this.find(tenantId, locked.id, queries);
  }

  async list(
    tenantId: string,
    filter: AccountFilter,
    sort: AccountSort,
    after: readonly unknown[] | null,
    limit: number,
  ): Promise<AccountRecord[]> {
    const query = new ListQuery().where('a.tenant_id = ?::uuid', tenantId);
    if (filter.status !== undefined) query.where('a.status = ?', filter.status);
    if (filter.q !== undefined) query.where('a.username LIKE ?', prefixPattern(filter.q));
    const keys = SORT_KEYS[sort.by];
    const { statement, values } = query.after(keys, sort.descending, after).build(SELECT, keys, sort.descending, limit);
    return this.database.rows<AccountRecord>(statement, values);
  }

  /** Whether the tenant may use the policy: its own, or one of the platform. */
  async mayUsePolicy(queries: Queryable, tenantId: string, policyId: string): Promise<boolean> {
    return (await queries.rows(POLICY_EXISTS, [tenantId, policyId])).length === 1;
  }

  /** The account, its password, its mounts and, where it gets one, a space of its own with its ledger. */
  async insert(tx: Transaction, account: NewAccount): Promise<void> {
    const { id: accountId, tenantId, space } = account;
    await tx.account.create({
      data: {
        id: accountId,
        tenantId,
        username: account.username,
        policyId: account.policyId,
        expiresAt: account.expiresAt,
        decoy: account.decoy,
      },
    });
    await tx.credential.create({
      data: { id: account.credentialId, tenantId, accountId, hash: account.passwordHash, addresses: [] },
    });
    if (space !== null) {
      await tx.space.create({
        data: { id: space.id, tenantId, name: spaceName(account), root: `${tenantId}/${space.id}` },
      });
      await tx.quotaLedger.create({
        data: { id: space.id, tenantId, kind: 'space', ...limitsData(space.bytesLimit, space.filesLimit) },
      });
    }
    await tx.mount.createMany({
      data: account.mounts.map((mount) => ({ ...mount, permissions: [...mount.permissions], tenantId, accountId })),
    });
  }

  /** Changes a locked account and counts its version up. */
  async update(tx: Transaction, account: AccountRecord, change: AccountChange): Promise<void> {
    const { passwordHash, bytesLimit, filesLimit, ...row } = change;
    await tx.account.update({ where: { id: account.id }, data: { ...row, version: { increment: 1 } } });
    if (passwordHash !== undefined) {
      await tx.credential.updateMany({
        where: { accountId: account.id, label: null },
        data: { hash: passwordHash, exposedInClear: false, version: { increment: 1 }, revision: { increment: 1 } },
      });
    }
    const sameQuota = bytesLimit === account.bytesLimit && filesLimit === account.filesLimit;
    if (account.spaceId === null || sameQuota || (bytesLimit === undefined && filesLimit === undefined)) return;
    await tx.space.update({ where: { id: account.spaceId }, data: { version: { increment: 1 } } });
    await tx.quotaLedger.update({
      where: { id: account.spaceId },
      data: { ...limitsData(bytesLimit, filesLimit), version: { increment: 1 } },
    });
  }

  /** Deletes the account with its credentials and mounts. What happens to its space is the caller's decision. */
  async delete(tx: Transaction, account: AccountRecord): Promise<void> {
    await tx.account.delete({ where: { id: account.id } });
  }
}

/** Unique for good: the space may outlive the account, and the user name may be given out again. */
function spaceName(account: NewAccount): string {
  return `${account.username}~${account.id}`;
}

function nameOrId(account: string): [string | null, string] {
  return [UUID.test(account) ? account : null, account.toLowerCase()];
}
