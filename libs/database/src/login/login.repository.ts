import type { Permission, PolicyRules, PolicySource, Status } from '@quayside/domain';
import type { Queryable } from '../database.js';

/** Everything that decides a login and fills a session's grant, as one row of the database. Times in ms. */
export interface LoginRecord {
  readonly tenant: {
    readonly id: string;
    readonly slug: string;
    readonly status: Status;
    readonly statusText: string | null;
    readonly timeZone: string;
    readonly version: number;
  };
  readonly account: {
    readonly id: string;
    readonly username: string;
    readonly status: Status;
    readonly statusText: string | null;
    readonly expiresAtMs: number | null;
    /** Nobody may log in; one attempt bans its source. */
    readonly decoy: boolean;
    readonly version: number;
  };
  /** Where the account is the one that visitors without a password become; null elsewhere. */
  readonly anonymous: { readonly dropFolder: string | null } | null;
  readonly credentials: readonly LoginCredential[];
  readonly mounts: readonly LoginMount[];
  /** Platform, tenant, account, in this order; absent where none is set. */
  readonly policies: readonly LoginPolicy[];
}

export interface LoginCredential {
  readonly id: string;
  readonly label: string | null;
  readonly hash: string;
  readonly expiresAtMs: number | null;
  readonly addresses: readonly string[];
  readonly pathPrefix: string | null;
  readonly readOnly: boolean;
  readonly tlsOnly: boolean;
  readonly version: number;
}

export interface LoginMount {
  readonly id: string;
  readonly path: string;
  readonly subpath: string;
  readonly permissions: readonly Permission[];
  readonly spaceId: string;
  readonly backend: 'local';
  readonly root: string;
}

export interface LoginPolicy {
  readonly source: PolicySource;
  readonly policyId: string;
  readonly version: number;
  readonly rules: PolicyRules;
}

const RECORD = `
  SELECT jsonb_build_object(
    'tenant', jsonb_build_object('id', t.id, 'slug', t.slug, 'status', t.status, 'statusText', t.status_text,
      'timeZone', t.time_zone, 'version', t.version),
    'account', jsonb_build_object('id', a.id, 'username', a.username, 'status', a.status, 'statusText', a.status_text,
      'expiresAtMs', floor(extract(epoch FROM a.expires_at) * 1000), 'decoy', a.decoy, 'version', a.version),
    'anonymous', CASE WHEN t.anonymous_account_id = a.id
      THEN jsonb_build_object('dropFolder', t.anonymous_drop_folder) END,
    'credentials', coalesce((
      SELECT jsonb_agg(jsonb_build_object('id', c.id, 'label', c.label, 'hash', c.hash,
        'expiresAtMs', floor(extract(epoch FROM c.expires_at) * 1000), 'addresses', to_jsonb(c.addresses),
        'pathPrefix', c.path_prefix, 'readOnly', c.read_only, 'tlsOnly', c.tls_only, 'version', c.version)
        ORDER BY c.label IS NOT NULL, c.created_at)
      FROM credential c WHERE c.account_id = a.id), '[]'),
    'mounts', coalesce((
      SELECT jsonb_agg(jsonb_build_object('id', m.id, 'path', m.path, 'subpath', m.subpath,
        'permissions', to_jsonb(m.permissions), 'spaceId', s.id, 'backend', s.backend, 'root', s.root))
      FROM mount m JOIN space s ON s.id = m.space_id WHERE m.account_id = a.id), '[]'),
    'policies', coalesce((
      SELECT jsonb_agg(jsonb_build_object('source', x.source, 'policyId', p.id, 'version', p.version, 'rules', p.rules)
        ORDER BY x.level)
      FROM (VALUES (1, 'platform', (SELECT d.id FROM policy d WHERE d.is_platform_default LIMIT 1)),
                   (2, 'tenant', t.policy_id), (3, 'account', a.policy_id)) AS x (level, source, id)
      JOIN policy p ON p.id = x.id), '[]')
  ) AS record
  FROM account a JOIN tenant t ON t.id = a.tenant_id`;

/** `anonymous` and `ftp` mean the anonymous account where the tenant has one, else accounts of these names. */
const BY_NAME = {
  name: 'login_by_name',
  text: `${RECORD}
    WHERE t.id = coalesce((SELECT id FROM tenant WHERE slug = $2), (SELECT tenant_id FROM tenant_domain WHERE domain = $2))
      AND CASE WHEN $1 IN ('anonymous', 'ftp') AND t.anonymous_account_id IS NOT NULL
        THEN a.id = t.anonymous_account_id ELSE a.username = $1 END`,
};
const BY_IDS = { name: 'login_by_ids', text: `${RECORD} WHERE a.id = ANY ($1::uuid[])` };

/** Reads for the FTP workers: one prepared statement a login. */
export class LoginRepository {
  constructor(private readonly database: Queryable) {}

  /** @param tenant slug or domain, lower case; `username` lower case as well. Null where nobody has that name. */
  async findForLogin(username: string, tenant: string): Promise<LoginRecord | null> {
    const [row] = await this.database.rows<{ record: LoginRecord }>(BY_NAME, [username, tenant]);
    return row?.record ?? null;
  }

  /** The present state of accounts that have open sessions; accounts that are gone are left out. */
  async reload(accountIds: readonly string[]): Promise<LoginRecord[]> {
    const rows = await this.database.rows<{ record: LoginRecord }>(BY_IDS, [accountIds]);
    return rows.map(({ record }) => record);
  }
}
