import type { EndedSessions, NewFtpSession, SessionActivity, SessionBeat, SessionCaps } from '@quayside/database';
import { DomainError, type SessionGrant, sourceOf, TransientMap } from '@quayside/domain';
import type { Log, LoginAttempt, SessionView } from '@quayside/ftp-engine';

/** Writes of the directory; FtpSessionsRepository is one. */
export interface SessionStore {
  open(session: NewFtpSession, caps: SessionCaps, staleMs: number): Promise<keyof SessionCaps | null>;
  openMany(sessions: readonly NewFtpSession[]): Promise<void>;
  /** One login of an account that has a cap on logins per minute; false where none is left. */
  takeLogin(accountId: string, perMinute: number): Promise<boolean>;
  close(ids: readonly string[]): Promise<void>;
  beat(
    workerId: string,
    beats: readonly SessionBeat[],
  ): Promise<readonly { readonly id: string; readonly endReason: string | null; readonly gone: boolean }[]>;
}

export interface SessionDirectoryOptions {
  readonly store: SessionStore;
  readonly workerId: string;
  /** Sessions whose worker was silent for this long do not count against caps. */
  readonly deadAfterMs: number;
  readonly log: Log;
  readonly now?: () => number;
}

/**
 * How long a change waits for company at most: a login storm becomes a few statements. The list shows a session only
 * then, so this is short.
 */
const LINGER_MS = 25;
/** A session that is younger when the others are written waits for the next time: many are over by then, and cost nothing. */
const RIPE_MS = LINGER_MS / 2;
const RETRY_MS = 2_000;
/** A command that is answered sooner is not shown: a busy session would be written at every beat for nothing. */
const SHOWN_COMMAND_MS = 1_000;

/** How far a transfer was when it was last looked at. */
interface Sample {
  readonly startedAtMs: number;
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * This worker's part of the list of live sessions. Where a cap counts, the row is written before the login is answered;
 * elsewhere rows are written behind, many at a time, and a lost database costs the list and not the login.
 */
export class SessionDirectory {
  private readonly live = new TransientMap<NewFtpSession>();
  /** Since when (`performance.now()`), the oldest first. */
  private readonly unwritten = new Map<string, number>();
  private readonly written = new Set<string>();
  private readonly closed = new Set<string>();
  private readonly shown = new Map<string, string>();
  private readonly samples = new Map<string, Sample>();
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(private readonly options: SessionDirectoryOptions) {}

  /** Throws `session.limit` where a cap is full, `database.unavailable` where a cap cannot be counted. */
  async open(attempt: Omit<LoginAttempt, 'password'>, grant: SessionGrant): Promise<void> {
    const session: NewFtpSession = {
      id: attempt.sessionId,
      workerId: this.options.workerId,
      tenantId: grant.tenantId,
      accountId: grant.accountId,
      username: grant.username,
      remoteAddress: attempt.remoteAddress,
      protocol: attempt.tls ? 'ftps' : 'ftp',
      tlsVersion: attempt.tlsVersion,
      tlsCipher: attempt.tlsCipher,
      clientName: null,
      openedAt: new Date(),
    };
    const { sessions, sessionsPerAddress, tenantSessions, loginsPerMinute } = grant.policy.caps;
    if (loginsPerMinute !== undefined && !(await this.options.store.takeLogin(grant.accountId, loginsPerMinute))) {
      throw new DomainError('session.limit');
    }
    this.live.set(session.id, session);
    if (sessions === undefined && sessionsPerAddress === undefined && tenantSessions === undefined) {
      this.unwritten.set(session.id, performance.now());
      this.schedule(LINGER_MS);
      return;
    }
    const caps = { account: sessions ?? null, tenant: tenantSessions ?? null, address: sessionsPerAddress ?? null };
    try {
      if ((await this.options.store.open(session, caps, this.options.deadAfterMs)) !== null) {
        throw new DomainError('session.limit');
      }
    } catch (error) {
      this.live.delete(session.id);
      throw error;
    }
    this.written.add(session.id);
    // The client may have left while we asked.
    if (!this.live.has(session.id)) this.close(session.id);
  }

  /** The session is over, whether or not it was ever in. */
  close(id: string): void {
    this.live.delete(id);
    this.shown.delete(id);
    this.samples.delete(id);
    this.unwritten.delete(id);
    if (!this.written.delete(id)) return;
    this.closed.add(id);
    this.schedule(LINGER_MS);
  }

  /** Those of its sessions that are meant, also before they are on the list. */
  among({ tenantIds, accountId, address, source, username }: EndedSessions): string[] {
    const isMeant = (session: NewFtpSession): boolean =>
      (tenantIds === null || tenantIds.includes(session.tenantId)) &&
      (accountId === null || session.accountId === accountId) &&
      (address === null || session.remoteAddress === address) &&
      (source === null || sourceOf(session.remoteAddress) === source) &&
      (username === null || session.username === username);
    return [...this.live.values()].filter(isMeant).map(({ id }) => id);
  }

  /**
   * Sessions are alive and do this. With `all`, every row is renewed, else only those whose activity has changed.
   * Resolves to the sessions that an admin has asked to end.
   */
  async beat(views: readonly SessionView[], all: boolean): Promise<{ readonly id: string; readonly reason: string }[]> {
    const beats: SessionBeat[] = [];
    const nowMs = this.options.now?.() ?? Date.now();
    for (const view of views) {
      const { id, clientName } = view;
      if (!this.written.has(id)) continue;
      const activity = this.activityOf(view, nowMs);
      const text = JSON.stringify([clientName, activity]);
      if (!all && (this.shown.get(id) ?? '[null,null]') === text) continue;
      this.shown.set(id, text);
      beats.push({ id, clientName, activity });
    }
    const answers = await this.options.store.beat(this.options.workerId, beats);
    for (const { id, gone } of answers) if (gone) this.writeAgain(id);
    return answers.flatMap(({ id, endReason }) => (endReason === null ? [] : [{ id, reason: endReason }]));
  }

  /** This worker was taken for dead and its rows were removed: all sessions are written again. */
  writeAllAgain(): void {
    for (const { id } of this.live.values()) this.writeAgain(id);
  }

  /** Writes what waits, once; then nothing more. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.writing;
    await this.write(Number.POSITIVE_INFINITY).catch(() => undefined);
  }

  private activityOf({ id, transfer, command }: SessionView, nowMs: number): SessionActivity | null {
    if (transfer === null) {
      this.samples.delete(id);
      if (command === null || nowMs - command.startedAtMs < SHOWN_COMMAND_MS) return null;
      return { verb: command.verb, startedAt: new Date(command.startedAtMs).toISOString() };
    }
    const { verb, path, bytes, startedAtMs } = transfer;
    const last = this.samples.get(id);
    const from = last?.startedAtMs === startedAtMs ? last : { atMs: startedAtMs, bytes: 0 };
    this.samples.set(id, { startedAtMs, atMs: nowMs, bytes });
    const bytesPerSecond = Math.round(((bytes - from.bytes) * 1000) / Math.max(1, nowMs - from.atMs));
    return { verb, path, bytes, bytesPerSecond, startedAt: new Date(startedAtMs).toISOString() };
  }

  private writeAgain(id: string): void {
    this.written.delete(id);
    this.shown.delete(id);
    if (!this.live.has(id)) return;
    this.unwritten.set(id, performance.now());
    this.schedule(LINGER_MS);
  }

  private schedule(delayMs: number): void {
    if (this.timer !== null || this.stopped) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.writing = this.writing
        .then(() => this.write(performance.now() - RIPE_MS))
        .catch((error: unknown) => this.retry(error));
    }, delayMs);
    this.timer.unref();
  }

  private retry(error: unknown): void {
    this.options.log.warn('the list of live sessions cannot be written; trying again', { error: String(error) });
    this.schedule(RETRY_MS);
  }

  /** Those that are closed, and of the new ones those that were there by then. */
  private async write(ripeMs: number): Promise<void> {
    const opened: string[] = [];
    for (const [id, sinceMs] of this.unwritten) if (sinceMs <= ripeMs) opened.push(id);
    const closed = [...this.closed];
    if (opened.length > 0) {
      await this.options.store.openMany(opened.map((id) => this.live.get(id)!));
      for (const id of opened) {
        // It may have been closed while we wrote: then its row goes again.
        if (this.unwritten.delete(id)) this.written.add(id);
        else this.closed.add(id);
      }
    }
    if (closed.length > 0) {
      await this.options.store.close(closed);
      for (const id of closed) this.closed.delete(id);
    }
    const oldest = this.unwritten.values().next();
    if (oldest.done !== true) this.schedule(Math.max(0, oldest.value + LINGER_MS - performance.now()));
    else if (this.closed.size > 0) this.schedule(LINGER_MS);
  }
}
