import { describe, expect, it } from '@jest/globals';
import { RETRY_HOLD_MS, RetryBreaker } from './retry-breaker.js';

describe('the retry breaker', () => {
  it('refuses the same upload until there is room for it or ten minutes have passed', () => {
    const breaker = new RetryBreaker();
    breaker.quotaMet('a', '/x', { atMs: 0, neededBytes: 100 });
    expect(breaker.refuses('a', '/x', 99, 1000)).toBe(true);
    expect(breaker.refuses('a', '/y', 99, 1000)).toBe(false);
    expect(breaker.refuses('b', '/x', 99, 1000)).toBe(false);
    expect(breaker.refuses('a', '/x', 99, RETRY_HOLD_MS - 1)).toBe(true);
    expect(breaker.refuses('a', '/x', 99, RETRY_HOLD_MS)).toBe(false);
    breaker.quotaMet('a', '/x', { atMs: 0, neededBytes: 100 });
    expect(breaker.refuses('a', '/x', 100, 1000)).toBe(false);
    expect(breaker.size).toBe(0);
  });

  it('remembers the greatest need of a file, forgets it when the upload goes through, and never without limit', () => {
    const breaker = new RetryBreaker();
    breaker.quotaMet('a', '/x', { atMs: 0, neededBytes: 100 });
    breaker.quotaMet('a', '/x', { atMs: 1, neededBytes: 10 });
    expect(breaker.refuses('a', '/x', 50, 2)).toBe(true);
    expect(breaker.refuses('a', '/x', null, 2)).toBe(false);
    breaker.quotaMet('a', '/x', { atMs: 0, neededBytes: 100 });
    breaker.succeeded('a', '/x');
    expect(breaker.refuses('a', '/x', 50, 2)).toBe(false);
    for (let i = 0; i < 10_050; i++) breaker.quotaMet('a', `/${i}`, { atMs: 0, neededBytes: 1 });
    expect(breaker.size).toBe(10_000);
    expect(breaker.refuses('a', '/0', 0, 1)).toBe(false);
    expect(breaker.refuses('a', '/10049', 0, 1)).toBe(true);
  });
});
