import type { Queryable, Statement } from '../database.js';

/** A session that has logged in, as its worker writes it. */
export interface WorkerSession {
  readonly id: string;
  readonly workerId: string;
  readonly tenantId: string;
  readonly accountId: string;
  readonly username: string;
  readonly remoteAddress: string;
  readonly protocol: 'ftp' | 'ftps';
  readonly tlsVersion: string | null;
  readonly tlsCipher: string | null;
  readonly clientName: string | null;
  readonly openedAtMs: number;
}

/** Most sessions at the same time; null where nobody set a cap. */
export interface SessionCaps {
  readonly account: number | null;
  readonly tenant: number | null;
  /** Of the tenant from one address. */
  readonly address: number | null;
}

/** What a session is doing, for the list. */
export interface SessionState {
  readonly id: string;
  readonly clientName: string | null;
  readonly activity: Readonly<Record<string, unknown>> | null;
}

/** Sessions whose worker was not heard of for this long count no more, ms. */
const STALE_MS = 60_000;

const COLUMNS = `id, worker_id, tenant_id, account_id, username, remote_address, protocol, tls_version, tls_cipher,
  client_name, opened_at, seen_at`;

const OPEN_UNDER_CAPS: Statement = {
  name: 'worker-session-open-under-caps',
  text: `SELECT session_open(jsonb_populate_record(NULL::ftp_session, $1::jsonb), $2, $3, $4, $5) AS full`,
};
const OPEN_MANY: Statement = {
  name: 'worker-session-open-many',
  text: `
    INSERT INTO ftp_session (${COLUMNS})
    SELECT ${COLUMNS} FROM jsonb_populate_recordset(NULL::ftp_session, $1::jsonb)
    ON CONFLICT (id) DO NOTHING`,
};
const CLOSE_MANY: Statement = {
  name: 'worker-session-close-many',
  text: 'DELETE FROM ftp_session WHERE id = ANY ($1::uuid[])',
};
const UPDATE_MANY: Statement = {
  name: 'worker-session-update-many',
  text: `
    UPDATE ftp_session s SET seen_at = now(), client_name = coalesce(u.client_name, s.client_name), activity = u.activity
    FROM jsonb_to_recordset($1::jsonb) AS u (id uuid, client_name text, activity jsonb) WHERE s.id = u.id`,
};
const SEEN = {
  name: 'worker-session-seen',
  text: 'UPDATE ftp_session SET seen_at = now() WHERE worker_id = $1',
};
const TO_END: Statement = {
  name: 'worker-session-to-end',
  text: `SELECT id, end_reason AS "endReason" FROM ftp_session WHERE worker_id = $1 AND end_reason IS NOT NULL`,
};

/** Writes of the FTP workers about their own sessions. */
export class WorkerSessionRepository {
  constructor(private readonly database: Queryable) {}

  /** Count and insert in one statement; the name of the cap that is full, or null when the session is in. */
  async openUnderCaps(session: WorkerSession, caps: SessionCaps): Promise<'account' | 'tenant' | 'address' | null> {
    const [row] = await this.database.rows<{ full: 'account' | 'tenant' | 'address' | null }>(OPEN_UNDER_CAPS, [
      JSON.stringify(rowOf(session)),
      caps.account,
      caps.tenant,
      caps.address,
      STALE_MS,
    ]);
    return row?.full ?? null;
  }

  async openMany(sessions: readonly WorkerSession[]): Promise<void> {
    await this.database.rows(OPEN_MANY, [JSON.stringify(sessions.map(rowOf))]);
  }

  async closeMany(ids: readonly string[]): Promise<void> {
    await this.database.rows(CLOSE_MANY, [ids]);
  }

  async update(states: readonly SessionState[]): Promise<void> {
    const rows = states.map(({ id, clientName, activity }) => ({ id, client_name: clientName, activity }));
    await this.database.rows(UPDATE_MANY, [JSON.stringify(rows)]);
  }

  /** All sessions of the worker are alive. */
  async seen(workerId: string): Promise<void> {
    await this.database.rows(SEEN, [workerId]);
  }

  /** Sessions of the worker that the API has asked to end: for when the notification was missed. */
  toEnd(workerId: string): Promise<{ readonly id: string; readonly endReason: string }[]> {
    return this.database.rows(TO_END, [workerId]);
  }
}

function rowOf(session: WorkerSession): Record<string, unknown> {
  const at = new Date(session.openedAtMs).toISOString();
  return {
    id: session.id,
    worker_id: session.workerId,
    tenant_id: session.tenantId,
    account_id: session.accountId,
    username: session.username,
    remote_address: session.remoteAddress,
    protocol: session.protocol,
    tls_version: session.tlsVersion,
    tls_cipher: session.tlsCipher,
    client_name: session.clientName,
    opened_at: at,
    seen_at: new Date().toISOString(),
  };
}
