import { Inject, Injectable } from '@nestjs/common';
import { Database, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';
import type { TenantRef } from '../tenants/tenant.repository.js';
import type { Transaction } from '../transaction.js';

export interface ApiKeyRecord {
  readonly id: string;
  /** Null for platform-admin keys. */
  readonly tenantId: string | null;
  readonly name: string;
  readonly role: string;
  readonly prefix: string;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly createdAt: Date;
}

export interface NewApiKeyRecord {
  readonly id: string;
  readonly tenantId: string | null;
  readonly name: string;
  readonly role: string;
  readonly prefix: string;
  readonly keyHash: Buffer;
  readonly expiresAt: Date | null;
}

/** What a key opens: the key and, where the request names a tenant that it may see, that tenant. */
export interface ApiKeyAccess {
  readonly key: { readonly id: string; readonly tenantId: string | null; readonly name: string; readonly role: string };
  readonly tenant: TenantRef | null;
}

const COLUMNS = `k.id, k.tenant_id AS "tenantId", k.name, k.role, k.prefix, k.expires_at AS "expiresAt",
  k.last_used_at AS "lastUsedAt", k.created_at AS "createdAt"`;

const FIND_ACCESS: Statement = {
  name: 'api-key-access',
  text: `
    SELECT k.id, k.tenant_id, k.name, k.role,
      (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute') AS stale,
      t.id AS t_id, t.slug AS t_slug, t.name AS t_name, t.status AS t_status
    FROM api_key k
    LEFT JOIN tenant t ON (t.id = $2::uuid OR t.slug = $3::text) AND (k.tenant_id IS NULL OR k.tenant_id = t.id)
    WHERE k.key_hash = $1 AND (k.expires_at IS NULL OR k.expires_at > now())`,
};

const TOUCH: Statement = {
  name: 'api-key-touch',
  text: `
    UPDATE api_key SET last_used_at = now()
    WHERE id = $1::uuid AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
};

const FIND: Statement = {
  name: 'api-key-find',
  text: `SELECT ${COLUMNS} FROM api_key k WHERE k.id = $1::uuid AND k.tenant_id IS NOT DISTINCT FROM $2::uuid`,
};

const LIST_ORDER: readonly SortKey[] = [
  { column: 'k.created_at', type: 'timestamptz' },
  { column: 'k.id', type: 'uuid' },
];

interface AccessRow {
  readonly id: string;
  readonly tenant_id: string | null;
  readonly name: string;
  readonly role: string;
  readonly stale: boolean;
  readonly t_id: string | null;
  readonly t_slug: string;
  readonly t_name: string;
  readonly t_status: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

@Injectable()
export class ApiKeyRepository {
  readonly #touching = new Set<string>();

  constructor(@Inject(Database) private readonly database: Database) {}

  /**
   * The unexpired key with this hash, and the tenant (id or slug) if the key may see it: one statement, so that every
   * request costs one look-up. Notes when the key was used, at most once a minute.
   */
  async findAccess(keyHash: Buffer, tenant: string | null): Promise<ApiKeyAccess | null> {
    const tenantId = tenant !== null && UUID.test(tenant) ? tenant : null;
    const [row] = await this.database.rows<AccessRow>(FIND_ACCESS, [keyHash, tenantId, tenant]);
    if (row === undefined) return null;
    if (row.stale) this.#touch(row.id);
    return {
      key: { id: row.id, tenantId: row.tenant_id, name: row.name, role: row.role },
      tenant: row.t_id === null ? null : { id: row.t_id, slug: row.t_slug, name: row.t_name, status: row.t_status },
    };
  }

  async find(tenantId: string | null, id: string): Promise<ApiKeyRecord | null> {
    const [row] = await this.database.rows<ApiKeyRecord>(FIND, [id, tenantId]);
    return row ?? null;
  }

  /** Newest first; `tenantId` null lists the platform's own keys. */
  async list(tenantId: string | null, after: readonly unknown[] | null, limit: number): Promise<ApiKeyRecord[]> {
    const query = new ListQuery();
    if (tenantId === null) query.where('k.tenant_id IS NULL');
    else query.where('k.tenant_id = ?::uuid', tenantId);
    const { statement, values } = query
      .after(LIST_ORDER, true, after)
      .build(`SELECT ${COLUMNS} FROM api_key k`, LIST_ORDER, true, limit);
    return this.database.rows<ApiKeyRecord>(statement, values);
  }

  async insert(tx: Transaction, key: NewApiKeyRecord): Promise<ApiKeyRecord> {
    const { keyHash: _, ...row } = await tx.apiKey.create({ data: { ...key, keyHash: new Uint8Array(key.keyHash) } });
    return row;
  }

  /** Whether there was such a key. */
  async delete(tx: Transaction, tenantId: string | null, id: string): Promise<boolean> {
    const { count } = await tx.apiKey.deleteMany({ where: { id, tenantId } });
    return count === 1;
  }

  /** Stores the key under its fixed id; another key that was there stops working. Whether anything changed. */
  async put(tx: Transaction, key: NewApiKeyRecord): Promise<boolean> {
    const keyHash = new Uint8Array(key.keyHash);
    const present = await tx.apiKey.findUnique({ where: { id: key.id } });
    if (present !== null && Buffer.from(present.keyHash).equals(key.keyHash)) return false;
    await tx.apiKey.deleteMany({ where: { OR: [{ id: key.id }, { keyHash }] } });
    await tx.apiKey.create({ data: { ...key, keyHash } });
    return true;
  }

  /** Nobody waits for it and nothing depends on it; the next use tries again. */
  #touch(id: string): void {
    if (this.#touching.has(id)) return;
    this.#touching.add(id);
    void this.database
      .rows(TOUCH, [id])
      .catch(() => undefined)
      .finally(() => this.#touching.delete(id));
  }
}
