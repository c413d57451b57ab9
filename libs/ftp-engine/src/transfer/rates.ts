import { asDomainError, TokenBucket } from '@quayside/domain';
import type { TransferMeter } from '../ports.js';
import type { Session } from '../session/session.js';
import { TransferFailure } from './transfer-failure.js';

type Direction = 'up' | 'down';

const kept = new WeakMap<Session, Partial<Record<Direction, TokenBucket>>>();

/** How long a transfer sleeps at most before it looks at its limits again, which may have changed. */
export const LONGEST_PAUSE_MS = 500;

/** How fast one transfer may go: its session's own cap, as it is at this moment, and what the host shares out. */
export class Pace {
  constructor(
    readonly session: Session,
    readonly direction: Direction,
    readonly meter: TransferMeter | null,
  ) {}

  /** Nothing limits the transfer and nobody counts it. */
  get isFree(): boolean {
    return (this.meter?.isFree ?? true) && throttleOf(this.session, this.direction) === null;
  }

  /** `bytes` were moved. Resolves to the ms to wait before more are; throws where none may follow. */
  take(bytes: number, nowMs: number): number {
    return this.#longest(
      throttleOf(this.session, this.direction)?.take(bytes, nowMs) ?? 0,
      () => this.meter?.take(bytes, nowMs) ?? 0,
    );
  }

  waitMs(nowMs: number): number {
    return this.#longest(
      throttleOf(this.session, this.direction)?.waitMs(nowMs) ?? 0,
      () => this.meter?.waitMs(nowMs) ?? 0,
    );
  }

  #longest(ownMs: number, shared: () => number): number {
    try {
      return Math.max(ownMs, shared());
    } catch (error) {
      const { detail, message } = asDomainError(error);
      // RFC 959: 552 is no reply of RETR.
      throw new TransferFailure(this.direction === 'up' ? 'quota.exceeded' : 'data.aborted', 'TRAFFIC', {
        detail: detail ?? message,
        cause: error,
      });
    }
  }
}

/**
 * The session's bucket for a direction; null where no cap holds. It is kept between transfers, so that many small files
 * are held to the same rate as one large one.
 */
function throttleOf(session: Session, direction: Direction): TokenBucket | null {
  const caps = session.grant?.policy.caps;
  const rate = direction === 'up' ? caps?.uploadRate : caps?.downloadRate;
  if (rate === undefined) return null;
  const own = kept.get(session) ?? {};
  const present = own[direction];
  if (present === undefined) {
    const bucket = new TokenBucket(rate, performance.now());
    kept.set(session, { ...own, [direction]: bucket });
    return bucket;
  }
  if (present.ratePerSecond !== rate) present.setRate(rate, performance.now());
  return present;
}
