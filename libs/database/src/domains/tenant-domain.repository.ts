import { Inject, Injectable } from '@nestjs/common';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';

/** A host name of a tenant, without the key of its certificate. */
export interface TenantDomainRecord {
  readonly id: string;
  readonly domain: string;
  /** PEM, with its chain; null where the listener's own certificate serves the name. */
  readonly certificate: string | null;
  readonly version: number;
  readonly createdAt: Date;
}

/** PEM pair. */
export interface DomainCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

const COLUMNS = 'd.id, d.domain, d.certificate, d.version, d.created_at AS "createdAt"';
const FIND: Statement = {
  name: 'tenant-domain-find',
  text: `SELECT ${COLUMNS} FROM tenant_domain d WHERE d.tenant_id = $1::uuid AND (d.id::text = $2 OR d.domain = $2)`,
};
const LOCK: Statement = { name: 'tenant-domain-lock', text: `${FIND.text} FOR UPDATE` };
const LOCK_TENANT: Statement = {
  name: 'tenant-domain-lock-tenant',
  text: 'SELECT id FROM tenant WHERE id = $1::uuid FOR NO KEY UPDATE',
};
const COUNT: Statement = {
  name: 'tenant-domain-count',
  text: 'SELECT count(*)::int AS count FROM tenant_domain WHERE tenant_id = $1::uuid',
};
const INSERT: Statement = {
  name: 'tenant-domain-insert',
  text: `INSERT INTO tenant_domain AS d (id, tenant_id, domain, certificate, private_key)
         VALUES ($1::uuid, $2::uuid, $3, $4, $5) RETURNING ${COLUMNS}`,
};
const UPDATE: Statement = {
  name: 'tenant-domain-update',
  text: `UPDATE tenant_domain d SET certificate = $3, private_key = $4, version = d.version + 1
         WHERE d.tenant_id = $1::uuid AND d.id = $2::uuid RETURNING ${COLUMNS}`,
};
const DELETE: Statement = {
  name: 'tenant-domain-delete',
  text: 'DELETE FROM tenant_domain WHERE tenant_id = $1::uuid AND id = $2::uuid',
};
const ORDER: readonly SortKey[] = [{ column: 'd.domain', type: 'text' }];

/** The host names of tenants. The private key is written here and read by the workers alone. */
@Injectable()
export class TenantDomainRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** @param name id or domain, lower case. */
  async find(tenantId: string, name: string): Promise<TenantDomainRecord | null> {
    const [row] = await this.database.rows<TenantDomainRecord>(FIND, [tenantId, name]);
    return row ?? null;
  }

  async lock(queries: Queryable, tenantId: string, name: string): Promise<TenantDomainRecord | null> {
    const [row] = await queries.rows<TenantDomainRecord>(LOCK, [tenantId, name]);
    return row ?? null;
  }

  /** By name. */
  async list(tenantId: string, after: readonly unknown[] | null, limit: number): Promise<TenantDomainRecord[]> {
    const { statement, values } = new ListQuery()
      .where('d.tenant_id = ?::uuid', tenantId)
      .after(ORDER, false, after)
      .build(`SELECT ${COLUMNS} FROM tenant_domain d`, ORDER, false, limit);
    return this.database.rows<TenantDomainRecord>(statement, values);
  }

  /** Locks the tenant, so that domains made at the same moment are counted. */
  async count(queries: Queryable, tenantId: string): Promise<number> {
    await queries.rows(LOCK_TENANT, [tenantId]);
    const [row] = await queries.rows<{ count: number }>(COUNT, [tenantId]);
    return row!.count;
  }

  async insert(
    queries: Queryable,
    tenantId: string,
    row: { readonly id: string; readonly domain: string; readonly pair: DomainCertificate | null },
  ): Promise<TenantDomainRecord> {
    const values = [row.id, tenantId, row.domain, row.pair?.certificate ?? null, row.pair?.privateKey ?? null];
    const [inserted] = await queries.rows<TenantDomainRecord>(INSERT, values);
    return inserted!;
  }

  /** @param pair null takes the certificate away. */
  async setCertificate(
    queries: Queryable,
    tenantId: string,
    id: string,
    pair: DomainCertificate | null,
  ): Promise<TenantDomainRecord> {
    const values = [tenantId, id, pair?.certificate ?? null, pair?.privateKey ?? null];
    const [row] = await queries.rows<TenantDomainRecord>(UPDATE, values);
    return row!;
  }

  async delete(queries: Queryable, tenantId: string, id: string): Promise<void> {
    await queries.rows(DELETE, [tenantId, id]);
  }
}
