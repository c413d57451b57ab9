import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  admitAttempt,
  countFailure,
  countSuccess,
  type FailureKind,
  fadedScore,
  forgettableAt,
  NO_SCORE,
  THROTTLE_DEFAULTS,
  type ThrottleScore,
  type ThrottleState,
} from './login-throttle.js';

const fresh: ThrottleState = { pair: NO_SCORE, source: NO_SCORE, lastGoodMs: null, allowListed: false };
const start = Date.parse('2026-06-15T12:00:00Z');

/** Failures a second apart, as long as they are admitted. */
function fail(state: ThrottleState, times: number, kind: FailureKind = 'wrong-password', fromMs = start) {
  let now = fromMs;
  let current = state;
  let admitted = 0;
  const delays: number[] = [];
  for (let i = 0; i < times; i++, now += 1000) {
    if (!admitAttempt(current, now).admitted) break;
    admitted++;
    const outcome = countFailure(current, kind, now);
    delays.push(outcome.delayMs);
    current = { ...current, pair: outcome.pair, source: outcome.source };
  }
  return { state: current, now, admitted, delays };
}

describe('the login throttle', () => {
  it('delays more with each failure, up to a limit', () => {
    const { delays } = fail(fresh, 9);
    expect(delays[0]).toBe(500);
    expect(delays).toEqual(delays.toSorted((a, b) => a - b));
    expect(delays[1]).toBeGreaterThan(900);
    expect(delays.at(-1)).toBe(THROTTLE_DEFAULTS.maxDelayMs);
  });

  it('bans the pair of account and source, longer each time, and forgives after a week', () => {
    const first = fail(fresh, 100);
    expect(first.admitted).toBeLessThanOrEqual(THROTTLE_DEFAULTS.pairLimit + 1);
    const banMs = first.state.pair.bannedUntilMs! - first.state.pair.bannedAtMs!;
    expect(banMs).toBe(THROTTLE_DEFAULTS.baseBanMs);
    const second = fail(first.state, 100, 'wrong-password', first.state.pair.bannedUntilMs!);
    expect(second.state.pair.bannedUntilMs! - second.state.pair.bannedAtMs!).toBe(2 * THROTTLE_DEFAULTS.baseBanMs);
    const later = second.state.pair.bannedUntilMs! + THROTTLE_DEFAULTS.forgiveBansMs + 1;
    const third = fail(second.state, 100, 'wrong-password', later);
    expect(third.state.pair.bannedUntilMs! - third.state.pair.bannedAtMs!).toBe(THROTTLE_DEFAULTS.baseBanMs);
  });

  it('bans a source that tries many accounts', () => {
    let source: ThrottleScore = NO_SCORE;
    let banned = 0;
    for (let i = 0; i < 100 && source.bannedUntilMs === null; i++) {
      const outcome = countFailure({ ...fresh, source }, 'unknown-account', start + i * 1000);
      source = outcome.source;
      banned += outcome.bans.filter(({ by }) => by === 'source').length;
    }
    expect(banned).toBe(1);
    expect(admitAttempt({ ...fresh, source }, start + 100_000)).toMatchObject({ admitted: false, by: 'source' });
  });

  it('cannot be used by strangers to lock an account: another source is admitted whatever one source does', () => {
    const kinds = fc.constantFrom<FailureKind>('wrong-password', 'unknown-account', 'decoy', 'refused-after-password');
    fc.assert(
      fc.property(fc.array(kinds, { maxLength: 200 }), (attempts) => {
        // State is looked up by pair and by source; nothing that one source wrote is read for the other.
        const scores = new Map<string, ThrottleScore>();
        const stateFor = (source: string): ThrottleState => ({
          ...fresh,
          pair: scores.get(`bob ${source}`) ?? NO_SCORE,
          source: scores.get(source) ?? NO_SCORE,
        });
        attempts.forEach((kind, index) => {
          const outcome = countFailure(stateFor('stranger'), kind, start + index);
          scores.set('bob stranger', outcome.pair).set('stranger', outcome.source);
        });
        expect(admitAttempt(stateFor('home'), start + attempts.length)).toEqual({ admitted: true });
      }),
    );
  });

  it('gives known-good sources more room', () => {
    const known = { ...fresh, lastGoodMs: start - 86_400_000 };
    expect(fail(known, 100).admitted).toBeGreaterThan(3 * fail(fresh, 100).admitted);
    expect(fail({ ...fresh, lastGoodMs: start - 31 * 86_400_000 }, 100).admitted).toBe(fail(fresh, 100).admitted);
  });

  it('lets a known-good account in through the ban of its source, until the source is much worse', () => {
    const source: ThrottleScore = {
      score: 50,
      atMs: start,
      bans: 1,
      bannedAtMs: start,
      bannedUntilMs: start + 900_000,
    };
    expect(admitAttempt({ ...fresh, source }, start).admitted).toBe(false);
    expect(admitAttempt({ ...fresh, source, lastGoodMs: start - 1 }, start).admitted).toBe(true);
    expect(admitAttempt({ ...fresh, source: { ...source, score: 200 }, lastGoodMs: start - 1 }, start).admitted).toBe(
      false,
    );
  });

  it('does not count a right password that something else refuses', () => {
    const outcome = countFailure(fresh, 'refused-after-password', start);
    expect(outcome).toMatchObject({ pair: NO_SCORE, source: NO_SCORE, bans: [] });
  });

  it('delays and bans the pair alike whether the account exists, and a right password that is refused like a wrong one', () => {
    const unknown = fail(fresh, 9, 'unknown-account');
    const known = fail(fresh, 9);
    expect(unknown.delays).toEqual(known.delays);
    expect(unknown.state.pair).toEqual(known.state.pair);
    expect(countFailure(fresh, 'refused-after-password', start).delayMs).toBe(known.delays[0]);
  });

  it('bans whoever touches a decoy at once, known or not, and nobody on the allow list', () => {
    const known = { ...fresh, lastGoodMs: start - 1 };
    const outcome = countFailure(known, 'decoy', start);
    expect(outcome.bans.map(({ by, reason }) => [by, reason])).toContainEqual(['source', 'decoy']);
    expect(admitAttempt({ ...known, source: outcome.source }, start + 1).admitted).toBe(false);
    const listed = { ...fresh, allowListed: true };
    expect(countFailure(listed, 'decoy', start).bans).toEqual([]);
    expect(admitAttempt({ ...listed, source: outcome.source }, start + 1).admitted).toBe(true);
  });

  it('forgets: by half each half-life, and at once for the pair after a right password', () => {
    const { state, now } = fail(fresh, 5);
    const before = fadedScore(state.pair, now);
    expect(fadedScore(state.pair, now + THROTTLE_DEFAULTS.halfLifeMs)).toBeCloseTo(before / 2);
    const after = countSuccess(state, now);
    expect(after.pair).toBe(NO_SCORE);
    expect(after.source).toBe(state.source);
    expect(after.lastGoodMs).toBe(now);
    expect(fadedScore(state.pair, forgettableAt(state.pair))).toBeLessThanOrEqual(0.1);
  });
});
