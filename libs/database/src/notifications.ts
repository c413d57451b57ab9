import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

/** A server that is frozen does not close its side; the connection goes with it when it comes back. */
const GOODBYE_MS = 1_000;
const CHANNEL = 'quayside_changed';

/** Which sessions an admin has ended, listed or not yet; null stands for any. */
export interface EndedSessions {
  readonly tenantIds: readonly string[] | null;
  readonly accountId: string | null;
  /** A whole address. */
  readonly address: string | null;
  /** What `sourceOf` makes of an address. */
  readonly source: string | null;
  readonly username: string | null;
}

/** A row that somebody changed, as triggers and quota functions tell it. */
export interface Change {
  readonly table:
    | 'tenant'
    | 'tenant_domain'
    | 'account'
    | 'credential'
    | 'mount'
    | 'policy'
    | 'space'
    | 'quota_ledger'
    | 'quota_lease'
    | 'login_score'
    | 'ftp_session'
    | 'ended_sessions'
    | 'node'
    | 'outbox'
    | 'recount'
    | 'webhook_lane'
    | 'event';
  readonly op: 'insert' | 'update' | 'delete';
  /** Null for the outbox, the webhook lanes, leases and bans, which tell only that there is something to look at. */
  readonly id: string | null;
  /** Null for what belongs to no tenant: platform policies, nodes. */
  readonly tenantId: string | null;
  readonly accountId: string | null;
  readonly ended?: EndedSessions;
  /** New events of a tenant that somebody watches. */
  readonly ids?: readonly string[];
}

export interface NotificationsOptions {
  readonly url: string;
  readonly applicationName?: string;
  readonly onChange: (change: Change) => void;
  /**
   * Listening has begun, or begun again: changes may have been missed before, so whoever keeps copies compares them
   * with the database now.
   */
  readonly onGap: () => void;
  readonly onWarning?: (message: string, cause?: unknown) => void;
  readonly firstRetryMs?: number;
  readonly lastRetryMs?: number;
  /** How often the connection proves that it is alive. */
  readonly checkEveryMs?: number;
}

/** The one LISTEN connection of a process; comes back by itself when it is lost. */
export class Notifications {
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(private readonly options: NotificationsOptions) {}

  start(): void {
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { firstRetryMs = 100, lastRetryMs = 5_000, onWarning = () => undefined } = this.options;
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#listen(() => (failures = 0));
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 0) onWarning('the database connection for live changes was lost; connecting again', error);
        const retryMs = Math.min(firstRetryMs * 2 ** Math.min(failures++, 10), lastRetryMs);
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Listens until the connection is lost, which rejects, or until `close`. */
  async #listen(onListening: () => void): Promise<void> {
    const { url, applicationName, onGap, onChange, onWarning = () => undefined, checkEveryMs = 15_000 } = this.options;
    const { signal } = this.#stopping;
    const client = new Client({
      connectionString: url,
      application_name: applicationName ?? 'quayside notifications',
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
      keepAlive: true,
    });
    const lost = new Promise<never>((_resolve, reject) => {
      client.on('error', reject);
      client.on('end', () => reject(new Error('the connection ended')));
    });
    // Awaited below, but it may come before.
    lost.catch(() => undefined);
    try {
      await client.connect();
      client.on('notification', ({ payload }) => {
        const change = parseChange(payload);
        if (change === null) onWarning('a notification could not be read');
        else onChange(change);
      });
      await client.query(`LISTEN ${CHANNEL}`);
      onListening();
      onGap();
      while (!signal.aborted) {
        await Promise.race([lost, delay(checkEveryMs, undefined, { signal }).catch(() => undefined)]);
        // A connection that died without a word (a lost host, a dropped NAT entry) shows only when it is used.
        if (!signal.aborted) await client.query('SELECT 1');
      }
    } finally {
      await Promise.race([client.end().catch(() => undefined), delay(GOODBYE_MS, undefined, { ref: false })]);
    }
  }
}

function parseChange(payload: string | undefined): Change | null {
  try {
    const change = JSON.parse(payload ?? '') as Change;
    return typeof change.table === 'string' && typeof change.op === 'string' ? change : null;
  } catch {
    return null;
  }
}
