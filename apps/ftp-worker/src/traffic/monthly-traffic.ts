import type { TrafficRepository } from '@quayside/database';
import { DomainError, type SessionGrant, trafficLeft } from '@quayside/domain';
import type { Direction } from './shared-rates.js';

export interface MonthlyTrafficOptions {
  readonly traffic: Pick<TrafficRepository, 'used'>;
  readonly workerId: string;
  readonly nowMs?: () => number;
}

interface Pending {
  readonly direction: Direction;
  bytes: number;
  ended: boolean;
}

interface Month {
  endsMs: number;
  uploadedBytes: number;
  downloadedBytes: number;
  readAtMs: number;
  /** Transfers of this worker that are not in the counters yet: what runs, and what has just ended. */
  readonly pending: Map<string, Pending>;
}

/** A transfer that begins goes by counters no older than this. */
const FRESH_MS = 1_000;
/** While transfers run, the counters are read this often. */
const READ_AGAIN_MS = 5_000;
const MAX_MONTHS = 10_000;

/**
 * Monthly traffic of accounts that have a cap on it: the counters of the reports, plus the transfers of this worker that
 * the counters do not hold yet, plus what other workers are moving (as of their last second). So it is exact once every
 * event has been counted, also after a crash, and never counts a transfer twice.
 */
export class MonthlyTraffic {
  private readonly months = new Map<string, Month>();
  private readonly nowMs: () => number;

  constructor(private readonly options: MonthlyTrafficOptions) {
    this.nowMs = options.nowMs ?? Date.now;
  }

  isLimited({ policy: { caps } }: SessionGrant): boolean {
    return caps.monthlyUpload !== undefined || caps.monthlyDownload !== undefined || caps.monthlyTotal !== undefined;
  }

  /** Before the 150. Throws `quota.traffic` where the month is used up. */
  async begin(grant: SessionGrant, transferId: string, direction: Direction): Promise<void> {
    if (!this.isLimited(grant)) return;
    const known = this.months.get(grant.accountId);
    if (known === undefined || this.nowMs() - known.readAtMs > FRESH_MS || this.nowMs() >= known.endsMs) {
      await this.read(grant.accountId);
    }
    const month = this.months.get(grant.accountId)!;
    if (left(grant, month, direction) === 0) throw new DomainError('quota.traffic');
    month.pending.set(transferId, { direction, bytes: 0, ended: false });
  }

  /** Throws `quota.traffic` where these bytes are more than the month has left. */
  take(grant: SessionGrant, transferId: string, direction: Direction, bytes: number): void {
    if (!this.isLimited(grant)) return;
    const { month, transfer } = this.counted(grant.accountId, transferId, direction);
    const before = left(grant, month, direction);
    transfer.bytes += bytes;
    if (before !== null && before < bytes) throw new DomainError('quota.traffic');
  }

  /** Where the cap was set while the transfer runs, its counting begins now; the whole of it counts once it has ended. */
  private counted(accountId: string, transferId: string, direction: Direction): { month: Month; transfer: Pending } {
    let month = this.months.get(accountId);
    if (month === undefined) {
      this.forgetIdle();
      month = emptyMonth();
      this.months.set(accountId, month);
    }
    let transfer = month.pending.get(transferId);
    if (transfer === undefined) {
      transfer = { direction, bytes: 0, ended: false };
      month.pending.set(transferId, transfer);
      // Where it fails, the next refresh reads.
      if (month.readAtMs === 0) void this.read(accountId).catch(() => undefined);
    }
    return { month, transfer };
  }

  ended(grant: SessionGrant, transferId: string): void {
    const transfer = this.months.get(grant.accountId)?.pending.get(transferId);
    if (transfer !== undefined) transfer.ended = true;
  }

  /** Whether {@link refresh} has nothing to do before the next transfer. */
  get isSettled(): boolean {
    for (const { pending } of this.months.values()) if (pending.size > 0) return false;
    return true;
  }

  /** Read the counters again for accounts that are moving bytes, or whose last transfers are not counted yet. */
  async refresh(): Promise<void> {
    const old = this.nowMs() - READ_AGAIN_MS;
    for (const [accountId, month] of this.months) {
      if (month.pending.size > 0 && month.readAtMs < old) await this.read(accountId);
    }
  }

  private async read(accountId: string): Promise<void> {
    const month = this.months.get(accountId) ?? emptyMonth();
    const asked = [...month.pending.keys()];
    const endedBefore = new Set(asked.filter((id) => month.pending.get(id)!.ended));
    const record = await this.options.traffic.used(accountId, this.options.workerId, asked);
    month.endsMs = record.monthEnds.getTime();
    month.uploadedBytes = record.uploadedBytes;
    month.downloadedBytes = record.downloadedBytes;
    month.readAtMs = this.nowMs();
    const missing = new Set(record.missing);
    for (const id of endedBefore) if (!missing.has(id)) month.pending.delete(id);
    this.forgetIdle();
    this.months.set(accountId, month);
  }

  private forgetIdle(): void {
    if (this.months.size < MAX_MONTHS) return;
    for (const [accountId, { pending }] of this.months) if (pending.size === 0) this.months.delete(accountId);
  }
}

function emptyMonth(): Month {
  return { endsMs: 0, uploadedBytes: 0, downloadedBytes: 0, readAtMs: 0, pending: new Map() };
}

function left(grant: SessionGrant, month: Month, direction: Direction): number | null {
  let { uploadedBytes, downloadedBytes } = month;
  for (const transfer of month.pending.values()) {
    if (transfer.direction === 'up') uploadedBytes += transfer.bytes;
    else downloadedBytes += transfer.bytes;
  }
  const used = { uploadedBytes, downloadedBytes };
  return trafficLeft(grant.policy.caps, used, direction === 'up' ? 'upload' : 'download');
}
