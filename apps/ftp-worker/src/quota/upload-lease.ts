import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, LEASE_CHUNK_BYTES } from '@quayside/domain';
import type { QuotaAsk, QuotaLease } from '@quayside/ftp-engine';
import type { QuotaLeases } from './quota-leases.js';

const HOUR_MS = 3_600_000;
/** Between two tries while the database is away. */
const RETRY_MS = 500;
/** A client that waits for its 150 is answered sooner than one in the middle of a file. */
const BEGIN_PATIENCE_MS = 5_000;
/** What other workers have just deleted is in the ledger after this long. */
const SETTLE_MS = 150;

/**
 * The reservation of one upload. The ledger counts growth: what the upload takes beyond the file that it replaces. In a
 * space without limits nothing is reserved and nothing is asked, until somebody sets a limit.
 */
export class UploadLease implements QuotaLease {
  /** Among those that run; null once it is over. */
  place: number | null = null;
  private readonly startedAt = new Date();
  /** Bytes that the commit credits: of the file at the name, as far as known. */
  private replacesBytes: number;
  private newFile: boolean;
  private unlimited: boolean;
  /** The ledger may hold a row of ours. */
  private reserved = false;
  private grantedBytes = 0;
  private grantedFiles = 0;
  /** A limit was changed since the ledger was asked. */
  private stale = false;
  private settling = true;
  private waitsForRoom = false;
  /** When the database was first missed; null while it answers. */
  private awaySinceMs: number | null = null;

  constructor(
    private readonly leases: QuotaLeases,
    private readonly ask: QuotaAsk,
    limited: boolean,
  ) {
    this.replacesBytes = ask.replacesBytes;
    this.newFile = ask.newFile;
    this.unlimited = !limited;
  }

  /** Whether it waits for others to give room, or for the database. */
  get waits(): boolean {
    return this.waitsForRoom || this.awaySinceMs !== null;
  }

  get tenantId(): string {
    return this.ask.grant.tenantId;
  }

  get coveredBytes(): number {
    if (this.stale) return this.replacesBytes;
    return this.unlimited ? Number.MAX_SAFE_INTEGER : this.replacesBytes + this.grantedBytes;
  }

  /** The first reservation, before the 150. */
  async begin(): Promise<void> {
    if (this.unlimited) return;
    const { startBytes, declaredBytes, partialBytes, partialTransferId } = this.ask;
    // One byte more than there is now: where not even that fits, the client hears 552 before it sends anything.
    // A resume that cuts the file below its size first may end smaller than it was: that is an overwrite like any other.
    const grows = this.newFile || (startBytes > 0 && startBytes >= this.replacesBytes);
    const least = grows ? startBytes + 1 : 0;
    const needed = Math.max(least, declaredBytes === null ? 0 : startBytes + declaredBytes);
    try {
      if (await this.reserve(needed, needed, BEGIN_PATIENCE_MS, this.ask.signal)) return;
    } catch (error) {
      // Whether the ledger granted it before the connection was lost is not known: then the partial gets its lease back.
      await this.release(partialBytes, partialTransferId ?? undefined);
      throw error;
    }
    if (this.reserved) await this.release(0);
    throw new DomainError('quota.exceeded');
  }

  async extend(totalBytes: number, neededBytes = totalBytes, asker?: AbortSignal): Promise<number> {
    if (totalBytes <= this.coveredBytes) return this.coveredBytes;
    const signal = asker === undefined ? this.ask.signal : AbortSignal.any([this.ask.signal, asker]);
    if (!this.reserved && !(await this.isLimitedNow(signal))) {
      this.unlimited = true;
      this.stale = false;
      return this.coveredBytes;
    }
    this.unlimited = false;
    const enough = await this.reserve(neededBytes, totalBytes, this.leases.databaseWaitMs, signal);
    return enough ? this.coveredBytes : Math.min(this.coveredBytes, neededBytes - 1);
  }

  covers(totalBytes: number, replacedBytes: number | null): boolean {
    if (this.stale) return false;
    if (this.unlimited) return true;
    return (
      totalBytes - (replacedBytes ?? 0) <= this.grantedBytes && (replacedBytes === null ? 1 : 0) <= this.grantedFiles
    );
  }

  retarget(totalBytes: number, replacedBytes: number | null): Promise<boolean> {
    this.replacesBytes = replacedBytes ?? 0;
    // A file that is reserved stays so: the name may lose its file again.
    this.newFile ||= replacedBytes === null;
    // Without a reservation `extend` looks whether there is a limit at all.
    this.stale = true;
    return this.extend(Math.max(totalBytes, this.replacesBytes + 1), totalBytes).then(
      (covered) => covered >= totalBytes,
    );
  }

  async release(keptBytes: number, as?: string): Promise<number> {
    const { ask, leases } = this;
    leases.closed(this);
    if (!this.reserved && keptBytes === 0) return 0;
    const ttlMs = ask.grant.policy.uploads.partialTtlHours * HOUR_MS;
    const kept = await leases.giveBack(ask.transferId, async () => {
      // In a space without limits the partial counts from now on, so that the API shows it and a later limit counts it.
      if (!this.reserved) await this.reserveOnce(keptBytes, keptBytes);
      return leases.ledger.release(ask.transferId, keptBytes, ttlMs, as ?? null);
    });
    return kept ?? keptBytes;
  }

  settled(): void {
    this.leases.closed(this);
    this.leases.breaker.succeeded(this.ask.grant.accountId, this.ask.path);
    // The ledger's entry for this transfer ends the lease.
  }

  /** A limit of the tenant was set, raised or lowered: the next byte asks. */
  limitsChanged(): void {
    this.stale = true;
  }

  /** In a space that had no limit; the database may be away for the moment. */
  private isLimitedNow(signal: AbortSignal): Promise<boolean> {
    return this.patiently(this.leases.databaseWaitMs, signal, () =>
      this.leases.isLimited(this.ask.grant, this.ask.mount),
    );
  }

  /** Tries until the database answers; `patienceMs` from when it was first missed, over all calls of the upload. */
  private async patiently<T>(patienceMs: number, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const answer = await call();
        this.awaySinceMs = null;
        return answer;
      } catch (error) {
        if (!(error instanceof DomainError) || error.code !== 'database.unavailable') throw error;
        this.awaySinceMs ??= performance.now();
        if (performance.now() - this.awaySinceMs > patienceMs) throw error;
        await delay(RETRY_MS, undefined, { signal });
      }
    }
  }

  /** Cover a file of `neededBytes`, and of `wantedBytes` where there is room; waits for others within the deadline. */
  private async reserve(
    neededBytes: number,
    wantedBytes: number,
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { ask, leases } = this;
    const untilMs = performance.now() + leases.waitMs;
    for (;;) {
      const verdict = await this.patiently(patienceMs, signal, () =>
        this.reserveOnce(neededBytes - this.replacesBytes, wantedBytes - this.replacesBytes),
      );
      if (verdict === 'granted') return true;
      if (verdict === 'refused' && this.settling) {
        // What was deleted a moment ago is on its way to the ledger: a client that has made room must not be refused.
        this.settling = false;
        await leases.settle();
        await delay(SETTLE_MS, undefined, { signal });
        continue;
      }
      if (verdict === 'refused' || performance.now() >= untilMs) {
        leases.refused(ask, neededBytes);
        return false;
      }
      this.waitsForRoom = true;
      await leases.nextChance(this.tenantId, signal).finally(() => (this.waitsForRoom = false));
    }
  }

  /** Amounts are of growth. */
  private async reserveOnce(needBytes: number, wantBytes: number): Promise<'granted' | 'wait' | 'refused'> {
    const { ask, leases } = this;
    const need = Math.max(0, needBytes);
    // What the client declared is all that it will send; else a chunk ahead.
    const declared = ask.declaredBytes === null ? null : ask.startBytes + ask.declaredBytes - this.replacesBytes;
    const ahead = declared ?? need + LEASE_CHUNK_BYTES;
    this.reserved = true;
    leases.held.add(ask.transferId);
    const { verdict, bytes, files } = await leases.ledger.reserve(ask.grant.tenantId, ask.mount.spaceId, {
      leaseId: ask.transferId,
      accountId: ask.grant.accountId,
      workerId: leases.workerId,
      needBytes: need,
      wantBytes: Math.max(need, Math.max(wantBytes, ahead)),
      files: this.newFile ? 1 : 0,
      startedAt: this.startedAt,
      ttlMs: leases.leaseTtlMs,
      takesLeaseId: ask.partialTransferId,
    });
    this.grantedBytes = bytes;
    this.grantedFiles = files;
    if (verdict === 'granted') this.stale = false;
    return verdict;
  }
}
