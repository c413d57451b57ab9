import { describe, expect, it } from '@jest/globals';
import { OPEN_POLICY } from '@quayside/domain';
import { aGrant } from '@quayside/testing';
import { MonthlyTraffic } from './monthly-traffic.js';

const ACCOUNT = aGrant();
const limited = (monthlyUpload: number) => ({ ...ACCOUNT, policy: { ...OPEN_POLICY, caps: { monthlyUpload } } });

function setUp(counted = { uploadedBytes: 0 }) {
  const asked: string[][] = [];
  const clock = { nowMs: Date.parse('2026-03-15T12:00:00Z') };
  const traffic = new MonthlyTraffic({
    workerId: 'w',
    nowMs: () => clock.nowMs,
    traffic: {
      used: async (_account, _worker, pending) => {
        asked.push([...pending]);
        return {
          monthEnds: new Date('2026-04-01T00:00:00Z'),
          uploadedBytes: counted.uploadedBytes,
          downloadedBytes: 0,
          missing: [...pending],
        };
      },
    },
  });
  return { traffic, asked, clock, counted };
}

const refused = expect.objectContaining({ code: 'quota.traffic' });

describe('MonthlyTraffic', () => {
  it('asks nothing for an account without a cap', async () => {
    const { traffic, asked } = setUp();
    await traffic.begin(ACCOUNT, 't1', 'up');
    traffic.take(ACCOUNT, 't1', 'up', 1_000_000);
    expect(asked).toEqual([]);
  });

  it('refuses a month that is used up, and counts what runs together', async () => {
    const { traffic, counted } = setUp({ uploadedBytes: 90 });
    await traffic.begin(limited(100), 't1', 'up');
    await traffic.begin(limited(100), 't2', 'up');
    traffic.take(limited(100), 't1', 'up', 6);
    traffic.take(limited(100), 't2', 'up', 4);
    expect(() => traffic.take(limited(100), 't1', 'up', 1)).toThrow(refused);
    counted.uploadedBytes = 100;
    await expect(traffic.begin(limited(100), 't3', 'up')).rejects.toEqual(refused);
  });

  it('counts a transfer that runs when the cap is set', async () => {
    const { traffic, asked } = setUp();
    await traffic.begin(ACCOUNT, 't1', 'up');
    traffic.take(limited(100), 't1', 'up', 60);
    expect(asked).toEqual([['t1']]);
    traffic.take(limited(100), 't1', 'up', 40);
    expect(() => traffic.take(limited(100), 't1', 'up', 1)).toThrow(refused);
  });

  it('reads the counters again while something runs', async () => {
    const { traffic, clock, counted } = setUp();
    await traffic.begin(limited(100), 't1', 'up');
    counted.uploadedBytes = 95;
    clock.nowMs += 10_000;
    await traffic.refresh();
    expect(() => traffic.take(limited(100), 't1', 'up', 6)).toThrow(refused);
  });
});
