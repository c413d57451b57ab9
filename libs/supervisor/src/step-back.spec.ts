import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { getPriority } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { stepBack } from './step-back.js';

describe('stepBack', () => {
  it('puts a child behind its parent', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      await once(child, 'spawn');
      stepBack(child.pid, 5);
      expect(getPriority(child.pid)).toBe(Math.min(19, getPriority() + 5));
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('leaves alone what never started', () => {
    expect(() => stepBack(undefined, 5)).not.toThrow();
  });
});
