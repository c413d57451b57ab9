import { describe, expect, it } from '@jest/globals';
import type { Balance, ClaimedSpace, RecountOutcome } from '@quayside/database';
import { MemoryBackend } from '@quayside/storage';
import { recount } from './recount.js';
import { RecountJobs } from './recount-jobs.js';

const space = { id: 's', tenantId: 't', backend: 'local', root: 'r' } as const;
const QUICK = { settleMs: 0, patienceMs: 50 };

/** Over an empty tree; the ledger answers each question with the next of these bytes, and at last with the last. */
function parts(...bytes: readonly number[]) {
  let asked = 0;
  let changes = 0;
  const ledger = {
    balance: async (): Promise<Balance> => {
      const [last, now] = [bytes[Math.max(0, asked - 1)] ?? bytes.at(-1)!, bytes[asked] ?? bytes.at(-1)!];
      asked++;
      if (now !== last) changes++;
      return { at: new Date(0), bytes: now, files: 0, changes };
    },
  };
  return { ledger, backendFor: () => new MemoryBackend() };
}

describe('recount', () => {
  it('finds ledger and files equal, or drift that stays', async () => {
    expect(await recount(parts(0), space, QUICK)).toMatchObject({ verdict: 'equal' });
    expect(await recount(parts(7), space, QUICK)).toEqual({
      verdict: 'drift',
      ledger: { bytes: 7, files: 0 },
      stored: { bytes: 0, files: 0 },
    });
  });

  it('takes what is on its way to the ledger for no drift', async () => {
    // Asked: the beginning, before and after the first count, after the wait; then the ledger has the deletion.
    expect(await recount(parts(7, 7, 7, 7, 0), space, QUICK)).toMatchObject({ verdict: 'equal' });
    expect(await recount(parts(7, 7, 7, 0), space, QUICK)).toMatchObject({ verdict: 'equal' });
  });

  it('does not trust two counts that differ from each other', async () => {
    expect(await recount(parts(7, 7, 7, 7, 9, 9, 9, 0), space, QUICK)).toMatchObject({ verdict: 'equal' });
  });

  it('says nothing about a space that changes all the time', async () => {
    const always = Array.from({ length: 100_000 }, (_, index) => index + 1);
    expect(await recount(parts(...always), space, QUICK)).toEqual({ verdict: 'busy', ledger: null, stored: null });
  });
});

describe('the recounts of a worker', () => {
  function jobs(waiting: (typeof space & { recountId: string; repair: boolean })[], faulty = false) {
    const settled: [string, RecountOutcome['verdict']][] = [];
    let returned = 0;
    let finished = 0;
    const recounts = {
      claim: async (): Promise<ClaimedSpace | null> => waiting.shift() ?? null,
      settle: async (_worker: string, { recountId }: ClaimedSpace, { verdict }: RecountOutcome) => {
        settled.push([recountId, verdict]);
      },
      finish: async () => void finished++,
      giveBack: async () => void returned++,
    };
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const backend = new MemoryBackend();
    if (faulty) backend.measure = () => Promise.reject(new Error('no such folder'));
    const all = { ...parts(0), backendFor: () => backend, recounts, workerId: 'w', log, options: QUICK };
    return { jobs: new RecountJobs(all), settled, counts: () => ({ returned, finished }) };
  }

  it('take one space after the other until none waits', async () => {
    const waiting = ['a', 'b'].map((recountId) => ({ ...space, recountId, repair: false }));
    const { jobs: running, settled, counts } = jobs(waiting);
    await running.run();
    expect(settled).toEqual([
      ['a', 'equal'],
      ['b', 'equal'],
    ]);
    expect(counts()).toEqual({ returned: 0, finished: 3 });
  });

  it('go on behind a space that cannot be read', async () => {
    const { jobs: running, settled } = jobs([{ ...space, recountId: 'a', repair: true }], true);
    await running.run();
    expect(settled).toEqual([['a', 'failed']]);
  });

  it('give back what they have begun when the worker ends', async () => {
    const { jobs: running, settled, counts } = jobs([{ ...space, recountId: 'a', repair: false }], true);
    const over = running.run();
    await running.stop();
    await over;
    expect(settled).toEqual([]);
    expect(counts()).toMatchObject({ returned: 1 });
  });
});
