import { credentialLimitsOf, type LoginCredential, type LoginRecord } from '@quayside/database';
import { mayContinue, nextLoginChange, type SessionGrant, TransientMap } from '@quayside/domain';
import type { Log, LoginAttempt, SessionEnd } from '@quayside/ftp-engine';
import { credentialOf, grantOf, policyOf } from '../auth/session-grants.js';

/** The open sessions that a change can reach; FtpEngine is one. */
export interface OpenSessions {
  endSession(id: string, end: SessionEnd): Promise<boolean>;
  replaceGrant(sessionId: string, grant: SessionGrant): void;
}

/** Reads accounts anew; LoginRepository does. */
export interface AccountRecords {
  reload(accountIds: readonly string[]): Promise<LoginRecord[]>;
}

interface Live {
  grant: SessionGrant;
  readonly credentialVersion: number;
  readonly address: string;
  readonly tls: boolean;
  /** When time alone may end it (expiry, hours of access); null for never. */
  changesAtMs: number | null;
}

/** setTimeout takes no more; the timer is set again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * What each open session was granted, and the re-evaluation when the account behind it changes: the session gets the
 * new grant, or it ends. Changes that arrive while a reload runs are gathered for the next one.
 */
export class LiveGrants {
  private readonly live = new TransientMap<Live>();
  private readonly pending = new Set<string>();
  private running: Promise<void> | null = null;
  /** Wakes at the next instant at which time alone may end a session. */
  private timer: NodeJS.Timeout | null = null;
  private timerAtMs = Number.POSITIVE_INFINITY;

  constructor(
    private readonly records: AccountRecords,
    private readonly sessions: () => OpenSessions,
    private readonly log: Log,
  ) {}

  opened(
    attempt: Omit<LoginAttempt, 'password'>,
    grant: SessionGrant,
    credential: LoginCredential,
    record: LoginRecord,
  ): void {
    const { remoteAddress, tls } = attempt;
    const changesAtMs = changeOf(record, credential);
    const session = { grant, credentialVersion: credential.version, address: remoteAddress, tls, changesAtMs };
    this.live.set(attempt.sessionId, session);
    this.wakeAt(changesAtMs);
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
  }

  closed(sessionId: string): void {
    this.live.delete(sessionId);
  }

  /** Something about this account, or this tenant, or (with neither) about anybody has changed. */
  changed(change: { readonly tenantId: string | null; readonly accountId: string | null }): Promise<void> {
    for (const { grant } of this.live.values()) {
      if (change.accountId !== null && grant.accountId !== change.accountId) continue;
      if (change.accountId === null && change.tenantId !== null && grant.tenantId !== change.tenantId) continue;
      this.pending.add(grant.accountId);
    }
    if (this.pending.size > 0) this.running ??= this.run();
    return this.running ?? Promise.resolve();
  }

  private wakeAt(atMs: number | null): void {
    if (atMs === null || atMs >= this.timerAtMs) return;
    this.timerAtMs = atMs;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.timePassed(), Math.min(Math.max(0, atMs - Date.now()), LONGEST_TIMER_MS));
    this.timer.unref();
  }

  private timePassed(): void {
    this.timer = null;
    this.timerAtMs = Number.POSITIVE_INFINITY;
    const now = Date.now();
    for (const session of this.live.values()) {
      if (session.changesAtMs === null) continue;
      if (session.changesAtMs > now) this.wakeAt(session.changesAtMs);
      else {
        session.changesAtMs = null;
        this.pending.add(session.grant.accountId);
      }
    }
    if (this.pending.size > 0) this.running ??= this.run();
  }

  private async run(): Promise<void> {
    try {
      while (this.pending.size > 0) {
        const ids = [...this.pending].slice(0, 500);
        for (const id of ids) this.pending.delete(id);
        const records = new Map((await this.records.reload(ids)).map((record) => [record.account.id, record]));
        for (const [sessionId, session] of this.live) {
          const { accountId } = session.grant;
          if (ids.includes(accountId)) this.reconsider(sessionId, session, records.get(accountId) ?? null);
        }
      }
    } catch (error) {
      // The slow check asks again.
      this.log.warn('open sessions could not be compared with a change', { error: String(error) });
    } finally {
      this.running = null;
    }
  }

  private reconsider(sessionId: string, session: Live, record: LoginRecord | null): void {
    const credential = record === null ? null : credentialOf(record, session.grant.credentialId);
    const decision = mayContinue({
      tenant: record?.tenant ?? null,
      account: record?.account ?? null,
      credential: credential === null ? null : credentialLimitsOf(credential),
      credentialStands: credential !== null && credential.version === session.credentialVersion,
      policy: record === null ? session.grant.policy : policyOf(record),
      attempt: { address: session.address, tls: session.tls, atMs: Date.now() },
    });
    if (!decision.ok) {
      void this.sessions().endSession(sessionId, { text: decision.text, reason: decision.error });
      return;
    }
    session.changesAtMs = changeOf(record!, credential!);
    this.wakeAt(session.changesAtMs);
    const grant = grantOf(record!, credential!);
    if (grant.version === session.grant.version) return;
    session.grant = grant;
    this.sessions().replaceGrant(sessionId, grant);
  }
}

/** By credential; stands until that instant. */
const changes = new WeakMap<LoginRecord, Map<string, number | null>>();

/** When time alone may turn the answer to whether the session may go on; null for never. */
function changeOf(record: LoginRecord, credential: LoginCredential): number | null {
  let known = changes.get(record);
  if (known === undefined) changes.set(record, (known = new Map()));
  const nowMs = Date.now();
  let atMs = known.get(credential.id);
  if (atMs === undefined || (atMs !== null && atMs <= nowMs)) {
    const { tenant, account } = record;
    const facts = { tenant, account, credential: credentialLimitsOf(credential), policy: policyOf(record) };
    known.set(credential.id, (atMs = nextLoginChange(facts, nowMs)));
  }
  return atMs;
}
