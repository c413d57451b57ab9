import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Later } from './later.js';

const nothing = (): void => undefined;
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** A call that fails as often as told. */
function flaky(failures: number, answer = 7) {
  const made = { calls: 0 };
  const call = (): Promise<number> => {
    made.calls++;
    return failures-- > 0 ? Promise.reject(new Error('away')) : Promise.resolve(answer);
  };
  return { made, call };
}

describe('Later', () => {
  it('gives the answer of a call that succeeds, and makes it once', async () => {
    const later = new Later(log);
    const { made, call } = flaky(0);
    expect(await later.call('a', call)).toBe(7);
    await jest.runAllTimersAsync();
    expect(made.calls).toBe(1);
  });

  it('repeats what failed until it succeeds, and then no more', async () => {
    const later = new Later(log);
    const { made, call } = flaky(3);
    expect(await later.call('a', call)).toBeNull();
    await jest.runAllTimersAsync();
    expect(made.calls).toBe(4);
  });

  it('does not ask for all that wait while the first still fails', async () => {
    const later = new Later(log);
    const [first, second] = [flaky(2), flaky(1)];
    await later.call('a', first.call);
    await later.call('b', second.call);
    await jest.advanceTimersToNextTimerAsync();
    expect([first.made.calls, second.made.calls]).toEqual([2, 1]);
    await jest.runAllTimersAsync();
    expect([first.made.calls, second.made.calls]).toEqual([3, 2]);
  });

  it('forgets a call when a later one of the same key takes its place', async () => {
    const later = new Later(log);
    const [old, next] = [flaky(10), flaky(1)];
    await later.call('a', old.call);
    await later.call('a', next.call);
    await jest.runAllTimersAsync();
    expect([old.made.calls, next.made.calls]).toEqual([1, 2]);
  });

  it('asks nobody any more once it is stopped', async () => {
    const later = new Later(log);
    const { made, call } = flaky(10);
    await later.call('a', call);
    later.stop();
    await jest.runAllTimersAsync();
    expect(made.calls).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });
});
