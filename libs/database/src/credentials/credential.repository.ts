import { Inject, Injectable } from '@nestjs/common';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';
import type { Transaction } from '../transaction.js';

export interface CredentialRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly accountId: string;
  /** Null for the account's main password. */
  readonly label: string | null;
  readonly hash: string;
  readonly expiresAt: Date | null;
  readonly addresses: readonly string[];
  readonly pathPrefix: string | null;
  readonly readOnly: boolean;
  readonly tlsOnly: boolean;
  /** Sent without TLS where it is required, since it was set. */
  readonly exposedInClear: boolean;
  readonly lastUsedAt: Date | null;
  readonly lastUsedAddress: string | null;
  /** Counts every edit. */
  readonly revision: number;
  readonly createdAt: Date;
}

/** What one password may do less than its account. */
export interface CredentialRestrictions {
  readonly expiresAt: Date | null;
  readonly addresses: readonly string[];
  readonly pathPrefix: string | null;
  readonly readOnly: boolean;
  readonly tlsOnly: boolean;
}

export interface NewCredential extends CredentialRestrictions {
  readonly id: string;
  readonly tenantId: string;
  readonly accountId: string;
  readonly label: string;
  readonly hash: string;
}

export interface CredentialChange extends CredentialRestrictions {
  readonly label: string | null;
  /** A new secret: the sessions that the old one opened end. */
  readonly hash?: string | undefined;
}

/** One login with a credential. */
export interface CredentialUse {
  readonly id: string;
  readonly at: Date;
  readonly address: string;
}

const SELECT = `
  SELECT c.id, c.tenant_id AS "tenantId", c.account_id AS "accountId", c.label, c.hash, c.expires_at AS "expiresAt",
    c.addresses, c.path_prefix AS "pathPrefix", c.read_only AS "readOnly", c.tls_only AS "tlsOnly", c.exposed_in_clear AS "exposedInClear",
    c.last_used_at AS "lastUsedAt", c.last_used_address AS "lastUsedAddress", c.revision, c.created_at AS "createdAt"
  FROM credential c`;

const IS_THIS = 'c.tenant_id = $1::uuid AND c.account_id = $2::uuid AND c.id = $3::uuid';
const FIND: Statement = { name: 'credential-find', text: `${SELECT} WHERE ${IS_THIS}` };
const LOCK: Statement = {
  name: 'credential-lock',
  text: `SELECT c.id FROM credential c WHERE ${IS_THIS} FOR NO KEY UPDATE`,
};
const COUNT: Statement = {
  name: 'credential-count',
  text: 'SELECT count(*) AS total FROM credential c WHERE c.tenant_id = $1::uuid AND c.account_id = $2::uuid',
};

const LIST_ORDER: readonly SortKey[] = [
  { column: 'c.created_at', type: 'timestamptz' },
  { column: 'c.id', type: 'uuid' },
];

const REPLACE_HASH: Statement = {
  name: 'credential-replace-hash',
  text: 'UPDATE credential SET hash = $3 WHERE id = $1::uuid AND hash = $2 RETURNING id',
};

const EXPOSE: Statement = {
  name: 'credential-expose',
  text: 'UPDATE credential SET exposed_in_clear = true WHERE id = ANY ($1::uuid[]) AND NOT exposed_in_clear',
};

/** Rows that another worker is writing are left to it: a last use that is a moment old is as good. */
const TOUCH: Statement = {
  name: 'credential-touch',
  text: `
    WITH used AS (
      SELECT u.id, u.at, u.address FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) AS u (id, at, address)
    ), free AS (
      SELECT c.id FROM credential c WHERE c.id IN (SELECT id FROM used) FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE credential c SET last_used_at = u.at, last_used_address = u.address
    FROM used u JOIN free f ON f.id = u.id
    WHERE c.id = u.id AND (c.last_used_at IS NULL OR c.last_used_at < u.at)`,
};

@Injectable()
export class CredentialRepository {
  constructor(@Inject(Database) private readonly database: Queryable) {}

  async find(
    tenantId: string,
    accountId: string,
    id: string,
    queries: Queryable = this.database,
  ): Promise<CredentialRecord | null> {
    const [row] = await queries.rows<CredentialRecord>(FIND, [tenantId, accountId, id]);
    return row ?? null;
  }

  /** Locks the credential until the transaction ends, so that a check on its revision holds. */
  async lock(queries: Queryable, tenantId: string, accountId: string, id: string): Promise<CredentialRecord | null> {
    await queries.rows(LOCK, [tenantId, accountId, id]);
    return this.find(tenantId, accountId, id, queries);
  }

  /** Oldest first, so the main password is the first one. */
  list(
    tenantId: string,
    accountId: string,
    after: readonly unknown[] | null,
    limit: number,
  ): Promise<CredentialRecord[]> {
    const { statement, values } = new ListQuery()
      .where('c.tenant_id = ?::uuid', tenantId)
      .where('c.account_id = ?::uuid', accountId)
      .after(LIST_ORDER, false, after)
      .build(SELECT, LIST_ORDER, false, limit);
    return this.database.rows<CredentialRecord>(statement, values);
  }

  async count(queries: Queryable, tenantId: string, accountId: string): Promise<number> {
    const [row] = await queries.rows<{ total: number }>(COUNT, [tenantId, accountId]);
    return row!.total;
  }

  async insert(tx: Transaction, credential: NewCredential): Promise<void> {
    await tx.credential.create({ data: { ...credential, addresses: [...credential.addresses] } });
  }

  /** Changes a locked credential and counts its revision up; its version too where the secret is new. */
  async update(tx: Transaction, id: string, change: CredentialChange): Promise<void> {
    const { hash, addresses, ...row } = change;
    await tx.credential.update({
      where: { id },
      data: {
        ...row,
        addresses: [...addresses],
        revision: { increment: 1 },
        ...(hash === undefined ? {} : { hash, exposedInClear: false, version: { increment: 1 } }),
      },
    });
  }

  async delete(tx: Transaction, id: string): Promise<void> {
    await tx.credential.delete({ where: { id } });
  }

  /**
   * Another hash of the same password, so sessions go on. False where the stored one is not the old one any more: then
   * the password has been changed meanwhile.
   */
  async replaceHash(change: {
    readonly id: string;
    readonly oldHash: string;
    readonly newHash: string;
  }): Promise<boolean> {
    const rows = await this.database.rows(REPLACE_HASH, [change.id, change.oldHash, change.newHash]);
    return rows.length === 1;
  }

  /** These passwords were sent without TLS where it is required; a new password ends that. */
  async expose(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.database.rows(EXPOSE, [ids]);
  }

  /** Notes the last use of many credentials, at most one entry each, in one statement. */
  async touch(uses: readonly CredentialUse[]): Promise<void> {
    if (uses.length === 0) return;
    await this.database.rows(TOUCH, [
      uses.map(({ id }) => id),
      uses.map(({ at }) => at),
      uses.map(({ address }) => address),
    ]);
  }
}
