import { Inject, Injectable } from '@nestjs/common';
import type { PolicyRules } from '@quayside/domain';
import { Database, type Queryable, type Statement } from '../database.js';
import type { Prisma } from '../generated/prisma/client.js';
import { ListQuery, type SortKey } from '../list-query.js';
import type { Transaction } from '../transaction.js';

export interface PolicyRecord {
  readonly id: string;
  /** Null for a policy of the platform. */
  readonly tenantId: string | null;
  readonly name: string;
  readonly description: string;
  readonly rules: PolicyRules;
  readonly isPlatformDefault: boolean;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** How many tenants and accounts name it as theirs. */
  readonly tenants: number;
  readonly accounts: number;
}

export interface PolicyContent {
  readonly name: string;
  readonly description: string;
  readonly rules: PolicyRules;
  readonly isPlatformDefault: boolean;
}

/** The accounts that a policy applies to. */
export interface PolicyScope {
  readonly accountIds: readonly string[];
  readonly total: number;
}

const SELECT = `
  SELECT p.id, p.tenant_id AS "tenantId", p.name, p.description, p.rules, p.is_platform_default AS "isPlatformDefault",
    p.version, p.created_at AS "createdAt", p.updated_at AS "updatedAt",
    (SELECT count(*) FROM tenant t WHERE t.policy_id = p.id) AS tenants,
    (SELECT count(*) FROM account a WHERE a.policy_id = p.id) AS accounts
  FROM policy p`;

const FIND: Statement = {
  name: 'policy-find',
  text: `${SELECT} WHERE p.tenant_id IS NOT DISTINCT FROM $1::uuid AND p.id = $2::uuid`,
};

const LOCK: Statement = {
  name: 'policy-lock',
  text: 'SELECT id FROM policy WHERE tenant_id IS NOT DISTINCT FROM $1::uuid AND id = $2::uuid FOR NO KEY UPDATE',
};

/** In order of ids: whoever makes another one the default waits here, so there is never none and never two. */
const LOCK_PLATFORM: Statement = {
  name: 'policy-lock-platform',
  text: 'SELECT id FROM policy WHERE tenant_id IS NULL ORDER BY id FOR NO KEY UPDATE',
};

const APPLIES = `
  FROM account a JOIN tenant t ON t.id = a.tenant_id
  WHERE a.policy_id = $1::uuid OR t.policy_id = $1::uuid
    OR EXISTS (SELECT 1 FROM policy p WHERE p.id = $1::uuid AND p.is_platform_default)`;
const SCOPE: Statement = { name: 'policy-scope', text: `SELECT a.id ${APPLIES} ORDER BY a.id LIMIT $2` };
const SCOPE_SIZE: Statement = { name: 'policy-scope-size', text: `SELECT count(*) AS total ${APPLIES}` };

const LIST_ORDER: readonly SortKey[] = [{ column: 'p.name', type: 'text' }];

@Injectable()
export class PolicyRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** @param owner the tenant, or null for the platform's policies */
  async find(owner: string | null, id: string, queries: Queryable = this.database): Promise<PolicyRecord | null> {
    const [row] = await queries.rows<PolicyRecord>(FIND, [owner, id]);
    return row ?? null;
  }

  /** Locks the policy until the transaction ends, so that a check on its version holds. */
  async lock(queries: Queryable, owner: string | null, id: string): Promise<PolicyRecord | null> {
    await (owner === null ? queries.rows(LOCK_PLATFORM) : queries.rows(LOCK, [owner, id]));
    return this.find(owner, id, queries);
  }

  /** By name. */
  async list(owner: string | null, after: readonly unknown[] | null, limit: number): Promise<PolicyRecord[]> {
    const query = new ListQuery();
    if (owner === null) query.where('p.tenant_id IS NULL');
    else query.where('p.tenant_id = ?::uuid', owner);
    const { statement, values } = query.after(LIST_ORDER, false, after).build(SELECT, LIST_ORDER, false, limit);
    return this.database.rows<PolicyRecord>(statement, values);
  }

  async insert(
    tx: Transaction,
    queries: Queryable,
    owner: string | null,
    policy: PolicyContent & { readonly id: string },
  ): Promise<void> {
    if (policy.isPlatformDefault) {
      await queries.rows(LOCK_PLATFORM);
      await this.#clearDefault(tx, policy.id);
    }
    await tx.policy.create({ data: { ...policy, tenantId: owner, rules: policy.rules as Prisma.InputJsonObject } });
  }

  /** Changes a locked policy and counts its version up. Where it becomes the default, the former one stops being it. */
  async update(tx: Transaction, id: string, policy: PolicyContent): Promise<void> {
    if (policy.isPlatformDefault) await this.#clearDefault(tx, id);
    await tx.policy.update({
      where: { id },
      data: { ...policy, rules: policy.rules as Prisma.InputJsonObject, version: { increment: 1 } },
    });
  }

  /** A foreign key refuses it while a tenant or an account names the policy. */
  async delete(tx: Transaction, id: string): Promise<void> {
    await tx.policy.delete({ where: { id } });
  }

  /** At most `limit` of the accounts that the policy applies to, and how many there are. */
  async scope(id: string, limit: number): Promise<PolicyScope> {
    const accounts = await this.database.rows<{ id: string }>(SCOPE, [id, limit]);
    const [size] = await this.database.rows<{ total: number }>(SCOPE_SIZE, [id]);
    return { accountIds: accounts.map((account) => account.id), total: size!.total };
  }

  async #clearDefault(tx: Transaction, exceptId: string): Promise<void> {
    await tx.policy.updateMany({
      where: { isPlatformDefault: true, id: { not: exceptId } },
      data: { isPlatformDefault: false, version: { increment: 1 } },
    });
  }
}
