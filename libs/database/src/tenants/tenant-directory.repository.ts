import type { Status } from '@quayside/domain';
import type { Queryable, Statement } from '../database.js';

/** A tenant as HOST or SNI names it. */
export interface TenantHostRecord {
  readonly tenantId: string;
  readonly slug: string;
  readonly name: string;
  readonly status: Status;
  /** The PEM pair of the domain; null where it has none, or where the slug was named. */
  readonly certificate: string | null;
  readonly privateKey: string | null;
}

const FIND: Statement = {
  name: 'tenant_host',
  text: `
    SELECT t.id AS "tenantId", t.slug, t.name, t.status, d.certificate, d.private_key AS "privateKey"
    FROM tenant t LEFT JOIN tenant_domain d ON d.tenant_id = t.id AND d.domain = $1
    WHERE t.slug = $1 OR d.domain = $1
    ORDER BY d.domain IS NULL LIMIT 1`,
};

const HAVE_CERTIFICATES: Statement = {
  name: 'tenant_hosts_have_certificates',
  text: 'SELECT EXISTS (SELECT FROM tenant_domain WHERE certificate IS NOT NULL) AS have',
};

export class TenantDirectoryRepository {
  constructor(private readonly database: Queryable) {}

  /** @param host domain or slug, in any case. Null where nobody has that name. */
  async findHost(host: string): Promise<TenantHostRecord | null> {
    const [row] = await this.database.rows<TenantHostRecord>(FIND, [host.toLowerCase()]);
    return row ?? null;
  }

  /** Whether any domain has a certificate of its own. */
  async haveCertificates(): Promise<boolean> {
    const [row] = await this.database.rows<{ have: boolean }>(HAVE_CERTIFICATES, []);
    return row!.have;
  }
}
