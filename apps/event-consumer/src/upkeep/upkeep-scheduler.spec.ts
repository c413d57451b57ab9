import { describe, expect, it } from '@jest/globals';
import { createLog } from '@quayside/observability';
import { UpkeepScheduler } from './upkeep-scheduler.js';

const log = createLog({ app: 'test', level: 'fatal' });

describe('UpkeepScheduler', () => {
  it('goes on after a failure and never runs a job beside itself', async () => {
    let runs = 0;
    let beside = 0;
    let most = 0;
    const thrice = new Promise<void>((resolve) => {
      const scheduler = new UpkeepScheduler({
        log,
        exclusively: async (_name, work) => {
          await work();
          return true;
        },
        jobs: [
          {
            name: 'job',
            everyMs: 1,
            atStart: true,
            async run() {
              most = Math.max(most, ++beside);
              await new Promise(setImmediate);
              beside--;
              if (++runs === 3) void scheduler.stop().then(resolve);
              if (runs === 1) throw new Error('away');
              return 1;
            },
          },
        ],
      });
      scheduler.start();
    });
    await thrice;
    expect([runs, most]).toEqual([3, 1]);
  });

  it('leaves a job to whoever holds its lock', async () => {
    let asked = 0;
    let ran = 0;
    const skipped = new Promise<void>((resolve) => {
      const scheduler = new UpkeepScheduler({
        log,
        exclusively: async (name) => {
          expect(name).toBe('upkeep:job');
          if (++asked === 2) resolve();
          return false;
        },
        jobs: [{ name: 'job', everyMs: 1, run: async () => ++ran }],
      });
      scheduler.start();
      void skippedThen(() => scheduler.stop());
    });
    function skippedThen(stop: () => Promise<void>): Promise<void> {
      return Promise.resolve().then(() => skipped.then(stop));
    }
    await skipped;
    expect(ran).toBe(0);
  });
});
