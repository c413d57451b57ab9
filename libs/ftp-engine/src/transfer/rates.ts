import { TokenBucket } from '@quayside/domain';
import type { Session } from '../session/session.js';

const kept = new WeakMap<Session, Partial<Record<'up' | 'down', TokenBucket>>>();

/**
 * The session's bucket for a direction; null where no cap holds. It is kept between transfers, so that many small files
 * are held to the same rate as one large one.
 */
export function throttleOf(session: Session, direction: 'up' | 'down'): TokenBucket | null {
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
