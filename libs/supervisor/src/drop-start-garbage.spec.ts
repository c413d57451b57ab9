import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { dropStartGarbage } from './drop-start-garbage.js';

const { gc } = globalThis;
beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
  if (gc === undefined) delete globalThis.gc;
  else globalThis.gc = gc;
});

describe('dropStartGarbage', () => {
  it('collects once, and not at once', () => {
    let collections = 0;
    globalThis.gc = (() => void collections++) as typeof gc;
    dropStartGarbage();
    expect(collections).toBe(0);
    jest.advanceTimersByTime(60_000);
    expect(collections).toBe(1);
  });

  it('does nothing where Node has no such function', () => {
    delete globalThis.gc;
    dropStartGarbage();
    expect(jest.getTimerCount()).toBe(0);
  });
});
