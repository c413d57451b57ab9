import { describe, expect, it } from '@jest/globals';
import { NodeDrain } from './node-drain.js';

const LOG = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function aDrain(isDraining: () => Promise<boolean | null>) {
  const calls: string[] = [];
  const engine = {
    accepting: true,
    pause: () => {
      calls.push('pause');
      engine.accepting = false;
    },
    resume: () => {
      calls.push('resume');
      engine.accepting = true;
    },
  };
  const plan = { politeMs: 1, deadlineMs: 2 };
  const drain = new NodeDrain({ workerId: 'w', nodes: { isDraining }, engine: () => engine, plan, log: LOG });
  return { drain, calls };
}

describe('NodeDrain', () => {
  it('pauses and resumes once, however often it is told', () => {
    const { drain, calls } = aDrain(() => Promise.resolve(null));
    for (const draining of [false, true, true, false, false]) drain.apply(draining);
    expect(calls).toEqual(['pause', 'resume']);
  });

  it('reads the flag when some node was changed, and leaves it to the heartbeat where it cannot', async () => {
    const answers = [true, new Error('away'), null];
    const { drain, calls } = aDrain(async () => {
      const answer = answers.shift()!;
      if (answer instanceof Error) throw answer;
      return answer;
    });
    for (let asked = 0; asked < 3; asked++) await drain.changed();
    expect(calls).toEqual(['pause']);
  });
});
