import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { takeFromAll, TokenBucket } from './token-bucket.js';

describe('a token bucket', () => {
  it('lets a burst through and then asks for the time that the bytes take', () => {
    const bucket = new TokenBucket(1000, 0);
    expect(bucket.take(1000, 0)).toBe(0);
    expect(bucket.take(500, 0)).toBe(500);
    expect(bucket.waitMs(400)).toBe(100);
    expect(bucket.take(1000, 500)).toBe(1000);
  });

  it('never lets more than rate × time + burst through, however many share it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        (rate, chunks, sharers) => {
          const bucket = new TokenBucket(rate, 0);
          const ready = Array.from({ length: sharers }, () => 0);
          let moved = 0;
          for (const chunk of chunks) {
            const turn = ready.indexOf(Math.min(...ready));
            const now = ready[turn]!;
            ready[turn] = now + bucket.take(chunk, now);
            moved += chunk;
            const finished = Math.max(...ready);
            expect(moved).toBeLessThanOrEqual((rate * finished) / 1000 + rate + 1e-6 * moved);
          }
        },
      ),
    );
  });

  it('obeys a new rate at once, and keeps the length of a debt', () => {
    const bucket = new TokenBucket(1000, 0);
    bucket.take(3000, 0);
    expect(bucket.waitMs(0)).toBe(2000);
    bucket.setRate(1_000_000, 1000);
    expect(bucket.waitMs(1000)).toBe(1000);
    expect(bucket.ratePerSecond).toBe(1_000_000);
    bucket.setRate(0, 5000);
    expect(bucket.take(1, 5000)).toBe(Number.POSITIVE_INFINITY);
  });

  it('gives back what was not moved, and minds no clock that steps back', () => {
    const bucket = new TokenBucket(1000, 10_000);
    bucket.take(2000, 10_000);
    bucket.refund(500);
    expect(bucket.waitMs(10_000)).toBe(500);
    expect(bucket.waitMs(9_000)).toBe(500);
  });

  it('waits for the slowest of several', () => {
    const buckets = [new TokenBucket(1000, 0), new TokenBucket(100, 0)];
    expect(takeFromAll(buckets, 1000, 0)).toBe(9000);
    expect(takeFromAll([], 1000, 0)).toBe(0);
  });
});
