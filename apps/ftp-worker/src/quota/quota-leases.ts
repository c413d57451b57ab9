import { setTimeout as delay } from 'node:timers/promises';
import type { QuotaLedgerRepository, QuotaState } from '@quayside/database';
import { DomainError, RetryBreaker, ROOT, type GrantMount, type SessionGrant, TransientList } from '@quayside/domain';
import type { Log, MoveAsk, MoveLease, QuotaAsk, QuotaGate, QuotaLease, Remaining } from '@quayside/ftp-engine';
import { HeldLeases } from './held-leases.js';
import { Later } from './later.js';
import { UploadLease } from './upload-lease.js';

/** The part of the ledger that leases need; QuotaLedgerRepository has it. */
export type LeaseLedger = Pick<QuotaLedgerRepository, 'reserve' | 'reserveMove' | 'release' | 'state' | 'remaining'>;

export interface QuotaLeasesOptions {
  readonly ledger: LeaseLedger;
  readonly workerId: string;
  readonly log: Log;
  /** Where the leases of uploads and moves are noted; whoever applies the ledger's entries ends them there. */
  readonly held?: HeldLeases;
  /** A lease that its worker has not renewed for this long ends, ms. */
  readonly leaseTtlMs?: number;
  /** How long an upload waits for others that hold what it lacks before it is refused, ms. */
  readonly waitMs?: number;
  /** How long a running upload waits for a database that is away, ms; shorter than its lease lives. */
  readonly databaseWaitMs?: number;
  /** Carries what this worker has recorded to the ledger, within a short time. */
  readonly settle?: () => Promise<unknown>;
  /** How often a waiting upload asks although nobody woke it, ms: a lost notification costs this much. */
  readonly askAgainMs?: number;
}

/** Spaces whose limits are remembered. */
const MAX_KNOWN = 20_000;

/**
 * The engine's QuotaGate over the ledger in PostgreSQL. An upload into a space without limits, of a tenant without
 * limits, costs no query at all; any other holds a lease that grows ahead of its bytes.
 */
export class QuotaLeases implements QuotaGate {
  readonly ledger: LeaseLedger;
  readonly workerId: string;
  readonly leaseTtlMs: number;
  readonly waitMs: number;
  readonly databaseWaitMs: number;
  readonly settle: () => Promise<unknown>;
  readonly held: HeldLeases;
  readonly breaker = new RetryBreaker();
  readonly later: Later;
  private readonly askAgainMs: number;
  private refusals = 0;
  /** Whether anything limits a space, by tenant and space id; stale ones are asked again. */
  private readonly limited = new Map<string, { readonly limited: boolean; stale: boolean }>();
  private readonly running = new TransientList<UploadLease>();
  /** Who waits, by tenant. */
  private readonly waiting = new Map<string, Set<() => void>>();

  constructor(options: QuotaLeasesOptions) {
    this.ledger = options.ledger;
    this.workerId = options.workerId;
    this.held = options.held ?? new HeldLeases();
    this.leaseTtlMs = options.leaseTtlMs ?? 60_000;
    this.waitMs = options.waitMs ?? 30_000;
    this.databaseWaitMs = options.databaseWaitMs ?? this.leaseTtlMs * 0.75;
    this.settle = options.settle ?? (() => Promise.resolve());
    this.askAgainMs = options.askAgainMs ?? 2_000;
    this.later = new Later(options.log);
  }

  open(ask: QuotaAsk): Promise<QuotaLease> {
    return this.isKnownFree(ask) ? Promise.resolve(this.runningLease(ask, false)) : this.openAsking(ask);
  }

  /** Nothing has to be asked before the upload begins: so it is for most, which must not pay for the others. */
  private isKnownFree({ grant, mount, path, partialTransferId }: QuotaAsk): boolean {
    const known = this.limited.get(limitKey(grant, mount));
    return (
      known?.stale === false &&
      !known.limited &&
      partialTransferId === null &&
      !this.breaker.suspects(grant.accountId, path)
    );
  }

  private runningLease(ask: QuotaAsk, limited: boolean): UploadLease {
    const lease = new UploadLease(this, ask, limited);
    lease.place = this.running.add(lease);
    return lease;
  }

  private async openAsking(ask: QuotaAsk): Promise<QuotaLease> {
    await this.throwIfHeldBack(ask);
    // A kept partial has a lease of its own, which must move over even where nothing limits the space.
    const limited = ask.partialTransferId !== null || (await this.isLimited(ask.grant, ask.mount));
    const lease = this.runningLease(ask, limited);
    await lease.begin();
    return lease;
  }

  async openMove(ask: MoveAsk): Promise<MoveLease> {
    const { grant, moveId, from, to, folder } = ask;
    const reserve = () =>
      this.ledger.reserveMove(grant.tenantId, to.spaceId, {
        leaseId: moveId,
        accountId: grant.accountId,
        workerId: this.workerId,
        fromSpaceId: from.spaceId,
        folder: folder === null || from.subpath === ROOT ? folder : from.subpath + folder,
        bytes: ask.bytes,
        files: ask.files,
        ttlMs: this.leaseTtlMs,
      });
    let verdict = await reserve();
    if (verdict === 'refused') {
      // What was deleted a moment ago is on its way to the ledger.
      await this.settle();
      verdict = await reserve();
    }
    if (verdict === 'mounted') throw new DomainError('path.busy', { detail: 'The folder is mounted elsewhere' });
    if (verdict === 'refused') throw new DomainError('quota.exceeded');
    this.held.add(moveId);
    return {
      release: async () => {
        await this.giveBack(moveId, () => this.ledger.release(moveId));
      },
    };
  }

  async remaining(grant: SessionGrant, mount: GrantMount): Promise<Remaining> {
    return this.ledger.remaining(grant.tenantId, mount.spaceId);
  }

  async dropped(partialTransferId: string): Promise<void> {
    if (partialTransferId === '') return;
    await this.later.call(partialTransferId, () => this.ledger.release(partialTransferId));
  }

  /** Held until the ledger has heard of it; null where it has not yet. */
  async giveBack<T>(id: string, release: () => Promise<T>): Promise<T | null> {
    return this.later.call(id, async () => {
      const answer = await release();
      this.held.end(id);
      return answer;
    });
  }

  /** The limits of a space or tenant were changed; without a tenant, anything may have. Running uploads ask again. */
  limitsChanged(tenantId: string | null): void {
    for (const [key, known] of this.limited) if (tenantId === null || key.startsWith(tenantId)) known.stale = true;
    for (const lease of this.running) if (tenantId === null || lease.tenantId === tenantId) lease.limitsChanged();
    this.wake(tenantId);
  }

  /** Bytes of a tenant came back; without a tenant, of anyone. */
  wake(tenantId: string | null): void {
    for (const [tenant, waiting] of this.waiting) {
      if (tenantId === null || tenant === tenantId) for (const wake of waiting) wake();
    }
  }

  stop(): void {
    this.later.stop();
  }

  /** The upload is over. */
  closed(lease: UploadLease): void {
    if (lease.place === null) return;
    this.running.remove(lease.place);
    lease.place = null;
  }

  /** Uploads that wait for room or for the database, and how many the quota has ended since the start. */
  stats(): { readonly waiting: number; readonly refused: number } {
    let waiting = 0;
    for (const lease of this.running) if (lease.waits) waiting++;
    return { waiting, refused: this.refusals };
  }

  /** The quota has ended an upload that needed a file of `neededBytes`. */
  refused(ask: QuotaAsk, neededBytes: number): void {
    this.refusals++;
    this.breaker.quotaMet(ask.grant.accountId, ask.path, { atMs: performance.now(), neededBytes });
  }

  /** Resolves when it is time to ask the ledger again; rejects with the signal's reason. */
  async nextChance(tenantId: string, signal: AbortSignal): Promise<void> {
    const waking = new AbortController();
    const wake = (): void => waking.abort();
    const waiting = this.waiting.get(tenantId) ?? new Set();
    this.waiting.set(tenantId, waiting.add(wake));
    try {
      // Jitter, so that uploads which nobody wakes do not ask together.
      const ms = this.askAgainMs * (0.75 + Math.random() * 0.5);
      await delay(ms, undefined, { signal: AbortSignal.any([waking.signal, signal]) }).catch(() => undefined);
      signal.throwIfAborted();
    } finally {
      waiting.delete(wake);
      if (waiting.size === 0) this.waiting.delete(tenantId);
    }
  }

  /** While the database is away nobody can set a limit either: what was known last holds. */
  async isLimited(grant: SessionGrant, mount: GrantMount): Promise<boolean> {
    const key = limitKey(grant, mount);
    const known = this.limited.get(key);
    if (known?.stale === false) return known.limited;
    let limited: boolean;
    try {
      const { space, tenant } = await this.ledger.state(grant.tenantId, mount.spaceId);
      limited = hasLimit(space) || hasLimit(tenant);
    } catch (error) {
      if (known === undefined || !(error instanceof DomainError) || error.code !== 'database.unavailable') throw error;
      return known.limited;
    }
    if (this.limited.size >= MAX_KNOWN) this.limited.delete(this.limited.keys().next().value!);
    this.limited.set(key, { limited, stale: false });
    return limited;
  }

  /** A client that was told 552 and sends the same file again and again is stopped before it sends. */
  private async throwIfHeldBack(ask: QuotaAsk): Promise<void> {
    const { grant, mount, path, replacesBytes, partialBytes } = ask;
    if (!this.breaker.suspects(grant.accountId, path)) return;
    const isHeldBack = async (): Promise<boolean> => {
      const { bytes } = await this.ledger.remaining(grant.tenantId, mount.spaceId);
      const available = bytes === null ? null : bytes + replacesBytes + partialBytes;
      return this.breaker.refuses(grant.accountId, path, available, performance.now());
    };
    if (!(await isHeldBack())) return;
    // What was deleted a moment ago may still be on its way to the ledger.
    await this.settle();
    if (await isHeldBack()) throw new DomainError('quota.exceeded');
  }
}

function limitKey(grant: SessionGrant, mount: GrantMount): string {
  return `${grant.tenantId}/${mount.spaceId}`;
}

function hasLimit(state: QuotaState): boolean {
  return state.bytesLimit !== null || state.filesLimit !== null;
}
