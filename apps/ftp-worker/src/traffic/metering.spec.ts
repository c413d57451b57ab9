import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { SessionGrant } from '@quayside/domain';
import { aGrant, FakePorts } from '@quayside/testing';
import { Metering } from './metering.js';
import { MonthlyTraffic } from './monthly-traffic.js';
import { SharedRates } from './shared-rates.js';

const limited: SessionGrant = { ...aGrant(), policy: { ...aGrant().policy, caps: { sharedUploadRate: 1000 } } };
const transfer = { sessionId: 's', transferId: 't', direction: 'up' as const, grant: () => limited };

describe('Metering', () => {
  let asked: number;
  let metering: Metering;

  beforeEach(() => {
    jest.useFakeTimers();
    asked = 0;
    const sessions = {
      runningTransfers: async () => {
        asked++;
        return [];
      },
    };
    metering = new Metering({
      rates: new SharedRates({ sessions, workerId: 'me', workers: 2 }),
      traffic: new MonthlyTraffic({ traffic: { used: () => Promise.reject(new Error('unused')) }, workerId: 'me' }),
      log: new FakePorts().log,
    });
  });
  afterEach(async () => {
    await metering.stop();
    jest.useRealTimers();
  });

  /** One after the other, each with what it asks for. */
  async function seconds(count: number): Promise<void> {
    await jest.advanceTimersByTimeAsync(count * 1000);
  }

  async function moves(): Promise<{ close(): void }> {
    const meter = await metering.open(transfer);
    // A rate is shared from the first bytes on.
    meter.take(1, performance.now());
    return meter;
  }

  it('compares the shared rates each second while a transfer runs, and wakes nobody a minute after the last', async () => {
    expect(jest.getTimerCount()).toBe(0);
    const meter = await moves();
    await seconds(100);
    expect(asked).toBe(100);
    meter.close();
    await seconds(60);
    expect(jest.getTimerCount()).toBe(1);
    await seconds(1);
    expect([jest.getTimerCount(), asked]).toEqual([0, 100]);
    const next = await moves();
    await seconds(2);
    next.close();
    expect(asked).toBe(102);
    await seconds(60);
    expect(jest.getTimerCount()).toBe(1);
  });

  it('meets transfers that are shorter than a second and have pauses between them', async () => {
    for (let round = 0; round < 100; round++) {
      const meter = await moves();
      await jest.advanceTimersByTimeAsync(300);
      meter.close();
      await jest.advanceTimersByTimeAsync(1_450);
    }
    expect(asked).toBeGreaterThan(0);
  });
});
