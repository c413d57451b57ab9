import { Inject, Injectable } from '@nestjs/common';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';
import { inTransaction, type Transaction } from '../transaction.js';
import { queriesOf } from '../transaction-queries.js';

export interface SpaceRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly backend: string;
  readonly root: string;
  readonly removedAt: Date | null;
  readonly version: number;
  readonly createdAt: Date;
  readonly bytesLimit: number | null;
  readonly filesLimit: number | null;
  readonly bytesUsed: number;
  readonly filesUsed: number;
  /** How many accounts have it in their view. */
  readonly mounts: number;
}

/** A space whose files are to be removed. */
export interface RemovedSpace {
  readonly id: string;
  readonly tenantId: string;
  readonly backend: string;
  readonly root: string;
}

const SELECT = `
  SELECT s.id, s.tenant_id AS "tenantId", s.name, s.backend, s.root, s.removed_at AS "removedAt", s.version,
    s.created_at AS "createdAt", l.bytes_limit AS "bytesLimit", l.files_limit AS "filesLimit",
    coalesce(l.bytes_used, 0) AS "bytesUsed", coalesce(l.files_used, 0) AS "filesUsed",
    (SELECT count(*) FROM mount m WHERE m.space_id = s.id) AS mounts
  FROM space s LEFT JOIN quota_ledger l ON l.id = s.id AND l.kind = 'space'`;

const FIND: Statement = { name: 'space-find', text: `${SELECT} WHERE s.tenant_id = $1::uuid AND s.id = $2::uuid` };

const LIST_ORDER: readonly SortKey[] = [
  { column: 's.created_at', type: 'timestamptz' },
  { column: 's.id', type: 'uuid' },
];

const REMOVED: Statement = {
  name: 'space-removed',
  text: `
    SELECT s.id, s.tenant_id AS "tenantId", s.backend, s.root FROM space s
    WHERE s.removed_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM quota_lease l WHERE l.space_id = s.id)
    ORDER BY s.removed_at LIMIT $1`,
};

/** Takes the space's bytes and files off the tenant's ledger and deletes the space's own. */
const CLOSE_LEDGER: Statement = {
  name: 'space-close-ledger',
  text: `
    WITH closed AS (DELETE FROM quota_ledger WHERE id = $1::uuid AND kind = 'space' RETURNING *)
    UPDATE quota_ledger t SET bytes_used = t.bytes_used - c.bytes_used, files_used = t.files_used - c.files_used
    FROM closed c WHERE t.id = c.tenant_id AND t.kind = 'tenant'`,
};

@Injectable()
export class SpaceRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  async find(tenantId: string, id: string, queries: Queryable = this.database): Promise<SpaceRecord | null> {
    const [row] = await queries.rows<SpaceRecord>(FIND, [tenantId, id]);
    return row ?? null;
  }

  /** Newest first. */
  async list(tenantId: string, after: readonly unknown[] | null, limit: number): Promise<SpaceRecord[]> {
    const { statement, values } = new ListQuery()
      .where('s.tenant_id = ?::uuid', tenantId)
      .after(LIST_ORDER, true, after)
      .build(SELECT, LIST_ORDER, true, limit);
    return this.database.rows<SpaceRecord>(statement, values);
  }

  /** Marks a space that nobody mounts any more; whether it was there, unmounted and not yet marked. */
  async markRemoved(tx: Transaction, tenantId: string, id: string): Promise<boolean> {
    const { count } = await tx.space.updateMany({
      where: { id, tenantId, removedAt: null, mounts: { none: {} } },
      data: { removedAt: new Date(), version: { increment: 1 } },
    });
    return count === 1;
  }

  /** For the upkeep of whoever holds the files: marked spaces into which no upload runs any more. */
  listRemoved(limit: number): Promise<RemovedSpace[]> {
    return this.database.rows<RemovedSpace>(REMOVED, [limit]);
  }

  /** After the files are gone: gives their bytes back to the tenant and forgets the space. Safe to repeat. */
  forgetRemoved(id: string): Promise<void> {
    return inTransaction(this.database, async (tx) => {
      await queriesOf(tx).rows(CLOSE_LEDGER, [id]);
      await tx.space.deleteMany({ where: { id, removedAt: { not: null } } });
    });
  }
}
