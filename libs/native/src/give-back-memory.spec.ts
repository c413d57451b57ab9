import { afterEach, describe, expect, it } from '@jest/globals';
import { giveBackMemory } from './give-back-memory.js';

const { gc } = globalThis;
afterEach(() => {
  if (gc === undefined) delete globalThis.gc;
  else globalThis.gc = gc;
});

describe('giveBackMemory', () => {
  it('collects where Node was told to let itself be asked', () => {
    let collections = 0;
    globalThis.gc = (() => void collections++) as typeof gc;
    giveBackMemory();
    expect(collections).toBeGreaterThan(0);
  });

  it('does nothing elsewhere', () => {
    delete globalThis.gc;
    expect(() => giveBackMemory()).not.toThrow();
  });
});
