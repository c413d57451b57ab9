import { describe, expect, it } from '@jest/globals';
import { RETRY_HOLD_MS, RetryBreaker } from './retry-breaker.js';

describe('the retry breaker', () => {
  /** As often as it takes for a client to be suspected. */
  const meet = (breaker: RetryBreaker, path: string, atMs: number, neededBytes: number): void => {
    for (let time = 0; time < 3; time++) breaker.quotaMet('a', path, { atMs, neededBytes });
  };

  it('lets a second and a third try through', () => {
    const breaker = new RetryBreaker();
    for (let time = 0; time < 3; time++) {
      expect([breaker.suspects('a', '/x'), breaker.refuses('a', '/x', 0, 1)]).toEqual([false, false]);
      breaker.quotaMet('a', '/x', { atMs: 0, neededBytes: 100 });
    }
    expect([breaker.suspects('a', '/x'), breaker.refuses('a', '/x', 0, 1)]).toEqual([true, true]);
  });

  it('refuses the same upload until there is room for it or ten minutes have passed', () => {
    const breaker = new RetryBreaker();
    meet(breaker, '/x', 0, 100);
    expect(breaker.refuses('a', '/x', 99, 1000)).toBe(true);
    expect(breaker.refuses('a', '/y', 99, 1000)).toBe(false);
    expect(breaker.refuses('b', '/x', 99, 1000)).toBe(false);
    expect(breaker.refuses('a', '/x', 99, RETRY_HOLD_MS - 1)).toBe(true);
    expect(breaker.refuses('a', '/x', 99, RETRY_HOLD_MS)).toBe(false);
    meet(breaker, '/x', 0, 100);
    expect(breaker.refuses('a', '/x', 100, 1000)).toBe(false);
    expect(breaker.size).toBe(0);
  });

  it('remembers the greatest need of a file, forgets it when the upload goes through, and never without limit', () => {
    const breaker = new RetryBreaker();
    meet(breaker, '/x', 0, 100);
    breaker.quotaMet('a', '/x', { atMs: 1, neededBytes: 10 });
    expect(breaker.refuses('a', '/x', 50, 2)).toBe(true);
    expect(breaker.refuses('a', '/x', null, 2)).toBe(false);
    meet(breaker, '/x', 0, 100);
    breaker.succeeded('a', '/x');
    expect(breaker.refuses('a', '/x', 50, 2)).toBe(false);
    for (let i = 0; i < 10_050; i++) meet(breaker, `/${i}`, 0, 1);
    expect(breaker.size).toBe(10_000);
    expect(breaker.refuses('a', '/0', 0, 1)).toBe(false);
    expect(breaker.refuses('a', '/10049', 0, 1)).toBe(true);
  });
});
