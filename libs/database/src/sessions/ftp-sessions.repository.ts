import type { Queryable, Statement } from '../database.js';

/** A session that has logged in. */
export interface NewFtpSession {
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
  readonly openedAt: Date;
}

/** Most live sessions after this one; null where there is no cap. */
export interface SessionCaps {
  readonly account: number | null;
  readonly tenant: number | null;
  /** Of the tenant, from one address. */
  readonly address: number | null;
}

/** What a session does now: a transfer, or a command without `path` and `bytes`. */
export interface SessionActivity {
  readonly verb: string;
  readonly path?: string;
  readonly bytes?: number;
  /** Since the worker's last word, about a second. */
  readonly bytesPerSecond?: number;
  /** RFC 3339. */
  readonly startedAt: string;
}

export interface SessionBeat {
  readonly id: string;
  /** Null while idle. */
  readonly activity: SessionActivity | null;
  readonly clientName: string | null;
}

const OPEN: Statement = { name: 'session_open', text: 'SELECT session_open($1, $2, $3, $4, $5) AS full' };
const OPEN_MANY: Statement = {
  name: 'session_open_many',
  text: `
    INSERT INTO ftp_session SELECT (r.s).* FROM (
      SELECT jsonb_populate_record(NULL::ftp_session, value) AS s FROM jsonb_array_elements($1::jsonb)) r
    ON CONFLICT (id) DO NOTHING`,
};
const CLOSE: Statement = { name: 'session_close', text: 'DELETE FROM ftp_session WHERE id = ANY ($1::uuid[])' };
// The last join makes sessions known whose row is gone: swept after an outage, or deleted by an admin.
const BEAT: Statement = {
  name: 'session_beat',
  text: `
    WITH beat AS (
      SELECT * FROM jsonb_to_recordset($2::jsonb) AS b (id uuid, activity jsonb, "clientName" text)
    ), seen AS (
      UPDATE ftp_session s SET seen_at = now(), activity = nullif(b.activity, 'null'), client_name = coalesce(b."clientName", s.client_name)
      FROM beat b WHERE s.id = b.id AND s.worker_id = $1
      RETURNING s.id, s.end_reason
    )
    SELECT b.id, seen.end_reason AS "endReason", seen.id IS NULL AS gone
    FROM beat b LEFT JOIN seen ON seen.id = b.id
    WHERE seen.id IS NULL OR seen.end_reason IS NOT NULL`,
};
const TAKE_LOGIN: Statement = { name: 'session_take_login', text: 'SELECT login_take($1, $2) AS taken' };
const RUNNING: Statement = {
  name: 'session_running_transfers',
  text: `
    SELECT account_id AS "accountId", tenant_id AS "tenantId", worker_id AS "workerId",
      CASE WHEN activity ->> 'verb' = 'RETR' THEN 'down' ELSE 'up' END AS direction, count(*) AS transfers
    FROM ftp_session
    WHERE activity ? 'bytes' AND seen_at > now() - interval '20 seconds'
      AND (account_id = ANY ($1::uuid[]) OR tenant_id = ANY ($2::uuid[]))
    GROUP BY 1, 2, 3, 4`,
};
const REAP: Statement = {
  name: 'session_reap',
  text: `DELETE FROM ftp_session WHERE seen_at < now() - $1 * interval '1 millisecond' RETURNING id`,
};

export interface RunningTransfers {
  readonly accountId: string;
  readonly tenantId: string;
  readonly workerId: string;
  readonly direction: 'up' | 'down';
  readonly transfers: number;
}

/** What workers write about live sessions; `LiveSessionRepository` reads and ends them. */
export class FtpSessionsRepository {
  constructor(private readonly database: Queryable) {}

  /**
   * Count and insert as one step over all nodes. Resolves to null, or to the cap that is full. Sessions that nobody has
   * renewed for `staleMs` do not count: their worker is dead.
   */
  async open(session: NewFtpSession, caps: SessionCaps, staleMs: number): Promise<keyof SessionCaps | null> {
    const [result] = await this.database.rows<{ full: keyof SessionCaps | null }>(OPEN, [
      JSON.stringify(rowOf(session)),
      caps.account,
      caps.tenant,
      caps.address,
      staleMs,
    ]);
    return result!.full;
  }

  /** Sessions that no cap counts, written behind their logins; those that are there already stay as they are. */
  async openMany(sessions: readonly NewFtpSession[]): Promise<void> {
    await this.database.rows(OPEN_MANY, [JSON.stringify(sessions.map(rowOf))]);
  }

  /** One login of an account that may log in `perMinute` times a minute, over all nodes; false where none is left. */
  async takeLogin(accountId: string, perMinute: number): Promise<boolean> {
    const [row] = await this.database.rows<{ taken: boolean }>(TAKE_LOGIN, [accountId, perMinute]);
    return row!.taken;
  }

  /**
   * How many transfers run now, per account and tenant, worker and direction, for those that share a rate. As old as the
   * workers' last word: about a second.
   */
  runningTransfers(accountIds: readonly string[], tenantIds: readonly string[]): Promise<RunningTransfers[]> {
    return this.database.rows<RunningTransfers>(RUNNING, [accountIds, tenantIds]);
  }

  async close(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.database.rows(CLOSE, [ids]);
  }

  /** One statement for all sessions of a worker. Resolves to those that an admin has ended or that have lost their row. */
  beat(
    workerId: string,
    beats: readonly SessionBeat[],
  ): Promise<{ id: string; endReason: string | null; gone: boolean }[]> {
    if (beats.length === 0) return Promise.resolve([]);
    return this.database.rows(BEAT, [workerId, JSON.stringify(beats)]);
  }

  /** Remove sessions whose worker has stopped renewing them; resolves to their ids. */
  async reap(staleMs: number): Promise<string[]> {
    const rows = await this.database.rows<{ id: string }>(REAP, [staleMs]);
    return rows.map(({ id }) => id);
  }
}

function rowOf(session: NewFtpSession): Record<string, unknown> {
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
    opened_at: session.openedAt,
    seen_at: new Date(),
  };
}
