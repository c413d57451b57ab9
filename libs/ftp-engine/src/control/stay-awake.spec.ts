import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { stayAwake } from './stay-awake.js';

const waiting = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Immediate').length;

describe('stayAwake', () => {
  it('keeps the loop from sleeping, with one immediate however often it is asked, and ends by itself', async () => {
    const before = waiting();
    stayAwake(performance.now() + 1000);
    stayAwake(performance.now() + 1000);
    expect(waiting()).toBe(before + 1);
    await sleep(5);
    expect(waiting()).toBe(before + 1);
    // The last one who asks says until when.
    stayAwake(performance.now());
    await sleep(20);
    expect(waiting()).toBe(before);
  });
});
