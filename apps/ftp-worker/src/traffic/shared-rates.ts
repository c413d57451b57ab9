import type { FtpSessionsRepository, RunningTransfers } from '@quayside/database';
import { type Caps, type SessionGrant, TokenBucket } from '@quayside/domain';

export type Direction = 'up' | 'down';

export interface SharedRatesOptions {
  readonly sessions: Pick<FtpSessionsRepository, 'runningTransfers'>;
  readonly workerId: string;
  /** Worker processes of the node: until the others are known, each takes that part of a shared rate. */
  readonly workers: number;
}

interface Shared {
  readonly scope: 'account' | 'tenant';
  readonly id: string;
  readonly direction: Direction;
  readonly bucket: TokenBucket;
  /** Transfers of this worker that run under it. */
  running: number;
  /** This worker's part of the rate. */
  share: number;
  /** A rate was asked for: only then the other workers matter. */
  limited: boolean;
}

/** Buckets that nobody uses are kept, so that many small files do not each begin with a full one; up to this many. */
const MAX_IDLE = 10_000;

/**
 * Rates that all transfers of an account or a tenant share. Each worker holds a bucket with its part of the rate: its
 * transfers over those of all workers, as the session list shows them. The parts follow a change within about two seconds
 * (one to be seen, one to be asked for); so long the sum may be off by the transfers that came or went.
 */
export class SharedRates {
  private readonly shared = new Map<string, Shared>();

  constructor(private readonly options: SharedRatesOptions) {}

  /** Whether a grant is under any shared rate in a direction. */
  isLimited(grant: SessionGrant, direction: Direction): boolean {
    return limitsOf(grant, direction).length > 0;
  }

  began(grant: SessionGrant, direction: Direction): void {
    this.of('account', grant.accountId, direction).running++;
    this.of('tenant', grant.tenantId, direction).running++;
  }

  ended(grant: SessionGrant, direction: Direction): void {
    this.of('account', grant.accountId, direction).running--;
    this.of('tenant', grant.tenantId, direction).running--;
  }

  take(grant: SessionGrant, direction: Direction, bytes: number, nowMs: number): number {
    return this.longest(grant, direction, nowMs, (bucket) => bucket.take(bytes, nowMs));
  }

  waitMs(grant: SessionGrant, direction: Direction, nowMs: number): number {
    return this.longest(grant, direction, nowMs, (bucket) => bucket.waitMs(nowMs));
  }

  /** Look at what the other workers move, and take this worker's part. */
  async exchange(): Promise<void> {
    const busy = [...this.shared.values()].filter(({ running, limited }) => running > 0 && limited);
    if (busy.length === 0) return;
    const ids = (scope: Shared['scope']) => [...new Set(busy.filter((one) => one.scope === scope).map(({ id }) => id))];
    const rows = await this.options.sessions.runningTransfers(ids('account'), ids('tenant'));
    for (const shared of busy) {
      const others = rows
        .filter((row) => row.workerId !== this.options.workerId && isUnder(row, shared))
        .reduce((sum, { transfers }) => sum + transfers, 0);
      shared.share = shared.running / (shared.running + others);
    }
  }

  private longest(
    grant: SessionGrant,
    direction: Direction,
    nowMs: number,
    ask: (bucket: TokenBucket) => number,
  ): number {
    let waitMs = 0;
    for (const { scope, id, rate } of limitsOf(grant, direction)) {
      const shared = this.of(scope, id, direction);
      const { bucket, share } = shared;
      shared.limited = true;
      const part = rate * share;
      if (bucket.ratePerSecond !== part) bucket.setRate(part, nowMs);
      waitMs = Math.max(waitMs, ask(bucket));
    }
    return waitMs;
  }

  private of(scope: Shared['scope'], id: string, direction: Direction): Shared {
    const key = `${scope}/${id}/${direction}`;
    let shared = this.shared.get(key);
    if (shared === undefined) {
      this.forgetIdle();
      const bucket = new TokenBucket(0, performance.now());
      shared = { scope, id, direction, bucket, running: 0, share: 1 / this.options.workers, limited: false };
      this.shared.set(key, shared);
    }
    return shared;
  }

  private forgetIdle(): void {
    if (this.shared.size < MAX_IDLE) return;
    for (const [key, { running }] of this.shared) if (running === 0) this.shared.delete(key);
  }
}

interface Limit {
  readonly scope: Shared['scope'];
  readonly id: string;
  readonly rate: number;
}

/** Asked for with every piece of every transfer, of which most are under none. */
const UNLIMITED: readonly Limit[] = [];

function limitsOf({ accountId, tenantId, policy: { caps } }: SessionGrant, direction: Direction): readonly Limit[] {
  const own = caps[RATES.account[direction]];
  const all = caps[RATES.tenant[direction]];
  if (own === undefined && all === undefined) return UNLIMITED;
  const limits: Limit[] = [];
  if (own !== undefined) limits.push({ scope: 'account', id: accountId, rate: own });
  if (all !== undefined) limits.push({ scope: 'tenant', id: tenantId, rate: all });
  return limits;
}

const RATES = {
  account: { up: 'sharedUploadRate', down: 'sharedDownloadRate' },
  tenant: { up: 'tenantUploadRate', down: 'tenantDownloadRate' },
} as const satisfies Record<string, Record<Direction, keyof Caps>>;

function isUnder(row: RunningTransfers, { scope, id, direction }: Shared): boolean {
  return row.direction === direction && (scope === 'account' ? row.accountId : row.tenantId) === id;
}
