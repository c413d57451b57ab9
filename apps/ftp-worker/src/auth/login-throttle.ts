import {
  admitAttempt,
  countFailure,
  countSuccess,
  DomainError,
  type FailureKind,
  NO_SCORE,
  sourceOf,
  type ThrottleScore,
  type ThrottleState,
} from '@quayside/domain';

/** Pairs and sources remembered per worker; beyond it the one that failed least recently is forgotten. */
const MAX_SCORES = 50_000;

/**
 * Brute-force defence of one worker: the domain's scores, kept in memory. A worker that starts again starts from
 * nothing, and each worker counts for itself.
 */
export class LoginThrottle {
  private readonly scores = new Map<string, ThrottleScore>();
  private readonly lastGood = new Map<string, number>();

  constructor(private readonly nowMs: () => number = Date.now) {}

  /** Throws `auth.throttled` where the source, or the source at this account, is banned. */
  admit(login: string, address: string): void {
    const verdict = admitAttempt(this.state(login, address), this.nowMs());
    if (!verdict.admitted) throw new DomainError('auth.throttled');
  }

  failed(login: string, address: string, kind: FailureKind): void {
    const outcome = countFailure(this.state(login, address), kind, this.nowMs());
    this.remember(this.scores, pairKey(login, address), outcome.pair);
    this.remember(this.scores, sourceKey(address), outcome.source);
  }

  succeeded(login: string, address: string): void {
    const now = this.nowMs();
    const after = countSuccess(this.state(login, address), now);
    this.scores.delete(pairKey(login, address));
    this.remember(this.lastGood, pairKey(login, address), after.lastGoodMs ?? now);
  }

  private state(login: string, address: string): ThrottleState {
    return {
      pair: this.scores.get(pairKey(login, address)) ?? NO_SCORE,
      source: this.scores.get(sourceKey(address)) ?? NO_SCORE,
      lastGoodMs: this.lastGood.get(pairKey(login, address)) ?? null,
      allowListed: false,
    };
  }

  private remember<V>(map: Map<string, V>, key: string, value: V): void {
    map.delete(key);
    if (map.size >= MAX_SCORES) map.delete(map.keys().next().value!);
    map.set(key, value);
  }
}

function pairKey(login: string, address: string): string {
  return `${login.toLowerCase()}\0${sourceOf(address)}`;
}

function sourceKey(address: string): string {
  return `\0${sourceOf(address)}`;
}
