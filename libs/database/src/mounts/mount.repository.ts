import { Inject, Injectable } from '@nestjs/common';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';
import type { Transaction } from '../transaction.js';

export interface MountRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly accountId: string;
  readonly spaceId: string;
  readonly spaceName: string;
  readonly path: string;
  readonly subpath: string;
  readonly permissions: readonly string[];
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface MountContent {
  readonly spaceId: string;
  readonly path: string;
  readonly subpath: string;
  readonly permissions: readonly string[];
}

const SELECT = `
  SELECT m.id, m.tenant_id AS "tenantId", m.account_id AS "accountId", m.space_id AS "spaceId", s.name AS "spaceName",
    m.path, m.subpath, m.permissions, m.version, m.created_at AS "createdAt", m.updated_at AS "updatedAt"
  FROM mount m JOIN space s ON s.id = m.space_id`;

const FIND: Statement = {
  name: 'mount-find',
  text: `${SELECT} WHERE m.tenant_id = $1::uuid AND m.account_id = $2::uuid AND m.id = $3::uuid`,
};
const VIEW: Statement = {
  name: 'mount-view',
  text: `${SELECT} WHERE m.tenant_id = $1::uuid AND m.account_id = $2::uuid ORDER BY m.path`,
};

const LIST_ORDER: readonly SortKey[] = [
  { column: 'm.created_at', type: 'timestamptz' },
  { column: 'm.id', type: 'uuid' },
];

@Injectable()
export class MountRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  async find(
    tenantId: string,
    accountId: string,
    id: string,
    queries: Queryable = this.database,
  ): Promise<MountRecord | null> {
    const [row] = await queries.rows<MountRecord>(FIND, [tenantId, accountId, id]);
    return row ?? null;
  }

  /** All mounts of an account, by path. Holds as long as the account is locked. */
  view(queries: Queryable, tenantId: string, accountId: string): Promise<MountRecord[]> {
    return queries.rows<MountRecord>(VIEW, [tenantId, accountId]);
  }

  /** Oldest first. */
  list(tenantId: string, accountId: string, after: readonly unknown[] | null, limit: number): Promise<MountRecord[]> {
    const { statement, values } = new ListQuery()
      .where('m.tenant_id = ?::uuid', tenantId)
      .where('m.account_id = ?::uuid', accountId)
      .after(LIST_ORDER, false, after)
      .build(SELECT, LIST_ORDER, false, limit);
    return this.database.rows<MountRecord>(statement, values);
  }

  async insert(
    tx: Transaction,
    mount: MountContent & { readonly id: string; readonly tenantId: string; readonly accountId: string },
  ): Promise<void> {
    await tx.mount.create({ data: { ...mount, permissions: [...mount.permissions] } });
  }

  /** Changes a mount of a locked account and counts its version up. */
  async update(tx: Transaction, id: string, mount: MountContent): Promise<void> {
    await tx.mount.update({
      where: { id },
      data: { ...mount, permissions: [...mount.permissions], version: { increment: 1 } },
    });
  }

  async delete(tx: Transaction, id: string): Promise<void> {
    await tx.mount.delete({ where: { id } });
  }

  /** The view is part of the account: its version counts up, and its readers' ETags go stale. */
  async countAccountUp(tx: Transaction, accountId: string): Promise<void> {
    await tx.account.update({ where: { id: accountId }, data: { version: { increment: 1 } } });
  }
}
