import { describe, expect, it } from '@jest/globals';
import type { RunningTransfers } from '@quayside/database';
import type { Caps, SessionGrant } from '@quayside/domain';
import { SharedRates } from './shared-rates.js';

function grant(caps: Caps, accountId = 'a', tenantId = 't'): SessionGrant {
  return { accountId, tenantId, policy: { caps } } as unknown as SessionGrant;
}

function row(workerId: string, transfers: number, changes: Partial<RunningTransfers> = {}): RunningTransfers {
  return { workerId, accountId: 'a', tenantId: 't', direction: 'up', transfers, ...changes };
}

function rates(workers: number, rows: readonly RunningTransfers[] = []) {
  const asked: (readonly string[])[][] = [];
  const sessions = {
    runningTransfers: async (accounts: readonly string[], tenants: readonly string[]) => {
      asked.push([accounts, tenants]);
      return [...rows];
    },
  };
  return { asked, shared: new SharedRates({ sessions, workerId: 'me', workers }) };
}

/** Whole ms; later than any bucket was made. */
const NOW = Math.ceil(performance.now()) + 3_600_000;

describe('SharedRates', () => {
  it('paces nobody who is under no shared rate', () => {
    const { shared } = rates(2);
    const free = grant({ uploadRate: 10, sharedDownloadRate: 10 });
    expect([shared.isLimited(free, 'up'), shared.isLimited(free, 'down')]).toEqual([false, true]);
    expect(shared.take(free, 'up', 1_000_000, NOW)).toBe(0);
  });

  it('takes an equal part of the rate until the others are known, and the part of its transfers then', async () => {
    const { shared } = rates(2, [row('other', 3), row('me', 9), row('other', 5, { direction: 'down' })]);
    const mine = grant({ sharedUploadRate: 1000 });
    shared.began(mine, 'up');
    // A bucket begins empty.
    expect(shared.take(mine, 'up', 500, NOW)).toBe(1000);
    await shared.exchange();
    // One of four now: the debt keeps its length.
    expect(shared.waitMs(mine, 'up', NOW + 1000)).toBe(0);
    expect(shared.take(mine, 'up', 250, NOW + 1000)).toBe(1000);
  });

  it('has the whole rate where nobody else moves anything', async () => {
    const { shared } = rates(4);
    const mine = grant({ sharedUploadRate: 1000 });
    shared.began(mine, 'up');
    shared.take(mine, 'up', 0, NOW);
    await shared.exchange();
    expect(shared.take(mine, 'up', 500, NOW)).toBe(500);
  });

  it('shares between the sessions of an account, and between the accounts of a tenant', () => {
    const { shared } = rates(1);
    const caps = { sharedUploadRate: 1000, tenantUploadRate: 2000 };
    expect(shared.take(grant(caps), 'up', 1000, NOW)).toBe(1000);
    expect(shared.take(grant(caps), 'up', 1000, NOW)).toBe(2000);
    // Another account of the tenant stands behind both.
    expect(shared.take(grant(caps, 'b'), 'up', 1000, NOW)).toBe(1500);
    expect(shared.take(grant(caps, 'c', 'another'), 'up', 1000, NOW)).toBe(1000);
  });

  it('stands still at a rate of 0', () => {
    const { shared } = rates(1);
    expect(shared.take(grant({ tenantDownloadRate: 0 }), 'down', 1, NOW)).toBe(Number.POSITIVE_INFINITY);
  });

  it('asks for the others only while something limited runs', async () => {
    const { shared, asked } = rates(2);
    const mine = grant({ sharedUploadRate: 1000 });
    shared.began(grant({}), 'up');
    await shared.exchange();
    expect(asked).toEqual([]);
    shared.began(mine, 'up');
    shared.take(mine, 'up', 1, NOW);
    await shared.exchange();
    expect(asked).toEqual([[['a'], []]]);
    shared.ended(mine, 'up');
    shared.ended(grant({}), 'up');
    await shared.exchange();
    expect(asked).toHaveLength(1);
  });
});
