import { setTimeout as delay } from 'node:timers/promises';
import type { QuotaLedgerRepository, QuotaState } from '@quayside/database';
import { DomainError, LEASE_CHUNK_BYTES, type GrantMount, type SessionGrant } from '@quayside/domain';
import type { Log, QuotaAsk, QuotaGate, QuotaLease, Remaining } from '@quayside/ftp-engine';

/** The part of the ledger that leases need; QuotaLedgerRepository has it. */
export type LeaseLedger = Pick<QuotaLedgerRepository, 'reserve' | 'release' | 'state' | 'remaining'>;

export interface QuotaLeasesOptions {
  readonly ledger: LeaseLedger;
  readonly workerId: string;
  readonly log: Log;
  /** A lease that its worker has not renewed for this long ends, ms. */
  readonly leaseTtlMs?: number;
  /** How long an upload waits for others that hold what it lacks before it is refused, ms. */
  readonly waitMs?: number;
}

/** Asked again at least this often while waiting; a change of the ledgers asks at once. */
const ASK_AGAIN_MS = 250;
/** Spaces whose limits are remembered. */
const MAX_KNOWN = 20_000;
const HOUR_MS = 3_600_000;

/**
 * The engine's QuotaGate over the ledger in PostgreSQL. An upload into a space without limits, of a tenant without
 * limits, costs no query at all; any other holds a lease that grows ahead of its bytes.
 */
export class QuotaLeases implements QuotaGate {
  readonly ledger: LeaseLedger;
  readonly workerId: string;
  readonly log: Log;
  readonly leaseTtlMs: number;
  readonly waitMs: number;
  /** Whether anything limits a space, by space id. */
  private readonly limited = new Map<string, boolean>();
  private readonly waiting = new Set<() => void>();

  constructor(options: QuotaLeasesOptions) {
    this.ledger = options.ledger;
    this.workerId = options.workerId;
    this.log = options.log;
    this.leaseTtlMs = options.leaseTtlMs ?? 60_000;
    this.waitMs = options.waitMs ?? 30_000;
  }

  async open(ask: QuotaAsk): Promise<QuotaLease> {
    // A kept partial has a lease of its own, which must move over even where nothing limits the space.
    const free = ask.partialTransferId === null && !(await this.isLimited(ask.grant, ask.mount));
    if (free) return new UnlimitedLease(this, ask);
    const lease = new LedgerLease(this, ask);
    await lease.begin();
    return lease;
  }

  async remaining(grant: SessionGrant, mount: GrantMount): Promise<Remaining> {
    return this.ledger.remaining(grant.tenantId, mount.spaceId);
  }

  /** The limits of a space or tenant were changed, or bytes came back; without a tenant, anything may have. */
  changed(tenantId: string | null): void {
    if (tenantId === null) this.limited.clear();
    else for (const key of this.limited.keys()) if (key.startsWith(tenantId)) this.limited.delete(key);
    for (const wake of this.waiting) wake();
  }

  /** Resolves when it is time to ask the ledger again. */
  async nextChance(signal: AbortSignal): Promise<void> {
    const waking = new AbortController();
    const wake = (): void => waking.abort();
    this.waiting.add(wake);
    try {
      await delay(ASK_AGAIN_MS, undefined, { signal: AbortSignal.any([waking.signal, signal]) }).catch(() => undefined);
      signal.throwIfAborted();
    } finally {
      this.waiting.delete(wake);
    }
  }

  private async isLimited(grant: SessionGrant, mount: GrantMount): Promise<boolean> {
    const key = `${grant.tenantId}/${mount.spaceId}`;
    const known = this.limited.get(key);
    if (known !== undefined) return known;
    const { space, tenant } = await this.ledger.state(grant.tenantId, mount.spaceId);
    const limited = hasLimit(space) || hasLimit(tenant);
    if (this.limited.size >= MAX_KNOWN) this.limited.delete(this.limited.keys().next().value!);
    this.limited.set(key, limited);
    return limited;
  }
}

function hasLimit(state: QuotaState): boolean {
  return state.bytesLimit !== null || state.filesLimit !== null;
}

/** Keeps `keptBytes` reserved under the transfer's id; what fails is logged, for the recount to find. */
async function keepPartial(leases: QuotaLeases, ask: QuotaAsk, keptBytes: number): Promise<void> {
  const ttlMs = ask.grant.policy.uploads.partialTtlHours * HOUR_MS;
  await leases.ledger.release(ask.transferId, keptBytes, ttlMs);
}

class UnlimitedLease implements QuotaLease {
  readonly coveredBytes = Number.MAX_SAFE_INTEGER;

  constructor(
    private readonly leases: QuotaLeases,
    private readonly ask: QuotaAsk,
  ) {}

  extend(): Promise<number> {
    return Promise.resolve(this.coveredBytes);
  }

  async release(keptBytes: number): Promise<void> {
    if (keptBytes === 0) return;
    const { ask, leases } = this;
    try {
      // The partial counts as reserved from now on, so that the API shows it and a later limit counts it.
      await leases.ledger.reserve(ask.grant.tenantId, ask.mount.spaceId, {
        leaseId: ask.transferId,
        accountId: ask.grant.accountId,
        workerId: leases.workerId,
        needBytes: keptBytes,
        wantBytes: keptBytes,
        files: 0,
        startedAt: new Date(),
        ttlMs: leases.leaseTtlMs,
      });
      await keepPartial(leases, ask, keptBytes);
    } catch (error) {
      leases.log.warn('the lease of a kept partial could not be recorded', { error: String(error) });
    }
  }

  settled(): void {
    // Nothing was reserved.
  }
}

/** Amounts in the ledger are of growth: what the upload takes beyond the file that it replaces. */
class LedgerLease implements QuotaLease {
  coveredBytes: number;
  private readonly startedAt = new Date();

  constructor(
    private readonly leases: QuotaLeases,
    private readonly ask: QuotaAsk,
  ) {
    this.coveredBytes = ask.replacesBytes;
  }

  /** The first reservation, before the 150. */
  async begin(): Promise<void> {
    const { startBytes, declaredBytes, replacesBytes, newFile } = this.ask;
    // One byte more than there is now: where not even that fits, the client hears 552 before it sends anything.
    const least = newFile || startBytes > 0 ? Math.max(startBytes, replacesBytes) + 1 : 0;
    const needed = Math.max(least, declaredBytes ?? 0);
    try {
      if ((await this.reserve(needed)) >= needed) return;
      throw new DomainError('quota.exceeded');
    } catch (error) {
      await this.release(0);
      throw error;
    }
  }

  async extend(totalBytes: number): Promise<number> {
    if (totalBytes > this.coveredBytes) await this.reserve(totalBytes);
    return this.coveredBytes;
  }

  async release(keptBytes: number): Promise<void> {
    try {
      if (keptBytes > 0) await keepPartial(this.leases, this.ask, keptBytes);
      else await this.leases.ledger.release(this.ask.transferId);
    } catch (error) {
      // It ends by itself when nobody renews it.
      this.leases.log.warn('a quota lease could not be given back', { error: String(error) });
    }
  }

  settled(): void {
    // The ledger's entry for this transfer ends the lease.
  }

  /** Cover a file of `totalBytes`, waiting for others within the deadline; resolves to what is covered then. */
  private async reserve(totalBytes: number): Promise<number> {
    const { ask, leases } = this;
    const growth = Math.max(0, totalBytes - ask.replacesBytes);
    const declared = ask.declaredBytes === null ? growth + LEASE_CHUNK_BYTES : ask.declaredBytes - ask.replacesBytes;
    const untilMs = Date.now() + leases.waitMs;
    for (;;) {
      const verdict = await leases.ledger.reserve(ask.grant.tenantId, ask.mount.spaceId, {
        leaseId: ask.transferId,
        accountId: ask.grant.accountId,
        workerId: leases.workerId,
        needBytes: growth,
        wantBytes: Math.max(growth, declared),
        files: ask.newFile ? 1 : 0,
        startedAt: this.startedAt,
        ttlMs: leases.leaseTtlMs,
        takesLeaseId: ask.partialTransferId,
      });
      if (verdict.verdict === 'granted') this.coveredBytes = ask.replacesBytes + verdict.bytes;
      if (verdict.verdict !== 'wait' || Date.now() >= untilMs) return this.coveredBytes;
      await leases.nextChance(ask.signal);
    }
  }
}
