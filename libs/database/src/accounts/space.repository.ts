import { Inject, Injectable } from '@nestjs/common';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';
import { limitsData } from '../tenants/tenant.repository.js';
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
  /** Reserved by running uploads and kept partials together. */
  readonly bytesReserved: number;
  /** Kept partials alone. */
  readonly bytesStaged: number;
  /** How many accounts have it in their view. */
  readonly mounts: number;
}

export interface SpaceContent {
  readonly name: string;
  readonly bytesLimit: number | null;
  readonly filesLimit: number | null;
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
    coalesce(l.bytes_reserved, 0) AS "bytesReserved",
    (SELECT coalesce(sum(p.bytes), 0)::bigint FROM quota_lease p WHERE p.space_id = s.id AND p.kind = 'partial')
      AS "bytesStaged",
    (SELECT count(*) FROM mount m WHERE m.space_id = s.id) AS mounts
  FROM space s LEFT JOIN quota_ledger l ON l.id = s.id AND l.kind = 'space'`;

const FIND: Statement = { name: 'space-find', text: `${SELECT} WHERE s.tenant_id = $1::uuid AND s.id = $2::uuid` };

/** Spaces that are being removed are left out; in order of ids, so that no two callers wait for each other. */
const LOCK: Statement = {
  name: 'space-lock',
  text: `
    SELECT s.id FROM space s WHERE s.tenant_id = $1::uuid AND s.id = ANY ($2::uuid[]) AND s.removed_at IS NULL
    ORDER BY s.id FOR NO KEY UPDATE`,
};

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

  /** Locks spaces that are there to stay until the transaction ends, and returns which of the named ones these are. */
  async lock(queries: Queryable, tenantId: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await queries.rows<{ id: string }>(LOCK, [tenantId, [...ids]]);
    return new Set(rows.map((row) => row.id));
  }

  /** An empty space with its ledger. */
  async insert(
    tx: Transaction,
    space: SpaceContent & { readonly id: string; readonly tenantId: string },
  ): Promise<void> {
    const { id, tenantId, name } = space;
    await tx.space.create({ data: { id, tenantId, name, root: `${tenantId}/${id}` } });
    await tx.quotaLedger.create({
      data: { id, tenantId, kind: 'space', ...limitsData(space.bytesLimit, space.filesLimit) },
    });
  }

  /** Changes a locked space and counts its version up, and that of the accounts that show its quota as theirs. */
  async update(tx: Transaction, id: string, space: SpaceContent): Promise<void> {
    await tx.space.update({ where: { id }, data: { name: space.name, version: { increment: 1 } } });
    await tx.quotaLedger.update({
      where: { id },
      data: { ...limitsData(space.bytesLimit, space.filesLimit), version: { increment: 1 } },
    });
    await tx.account.updateMany({
      where: { mounts: { some: { spaceId: id, path: '/' } } },
      data: { version: { increment: 1 } },
    });
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
