import { describe, expect, it } from '@jest/globals';
import { Throttle } from './throttle.js';

describe('Throttle', () => {
  it('lets the burst pass, then asks to wait for as long as the surplus takes', () => {
    const throttle = new Throttle(1000, 0, 500);
    expect(throttle.spend(500, 0)).toBe(0);
    expect(throttle.spend(1000, 0)).toBe(1000);
  });
  it('holds the average rate when every wait is kept', () => {
    const throttle = new Throttle(100_000, 0, 10_000);
    let now = 0;
    let sent = 0;
    while (sent < 1_000_000) {
      now += throttle.spend(8192, now);
      sent += 8192;
    }
    expect(now).toBeGreaterThanOrEqual(9_800);
    expect(now).toBeLessThanOrEqual(10_100);
  });
  it('never saves up more than the burst', () => {
    const throttle = new Throttle(1000, 0, 500);
    expect(throttle.spend(1500, 3_600_000)).toBe(1000);
  });
});
