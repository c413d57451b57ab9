import { describe, expect, it } from '@jest/globals';
import { backoffMs } from './backoff.js';

describe('backoffMs', () => {
  it('waits longer after each failure and never more than a quarter of a day and some jitter', () => {
    const delays = Array.from({ length: 12 }, (_value, n) => backoffMs(n + 1, null, 0.5));
    expect(delays.slice(0, 9)).toEqual(delays.slice(0, 9).toSorted((a, b) => a - b));
    expect(delays[0]).toBe(5_000);
    expect(delays.at(-1)).toBe(6 * 3_600_000);
    expect(backoffMs(99, null, 1)).toBeLessThan(8 * 3_600_000);
  });

  it('waits as long as the receiver asks, within bounds', () => {
    expect(backoffMs(1, 120, 0.5)).toBe(120_000);
    expect(backoffMs(1, 999_999, 0.5)).toBe(6 * 3_600_000);
    expect(backoffMs(1, 0, 0)).toBe(4_000);
  });
});
