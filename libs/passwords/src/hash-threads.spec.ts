import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { HashThreads } from './hash-threads.js';

const OF_LINUX = process.platform === 'linux' ? it : it.skip;
/** A deadline, not a measure. */
const WAIT_MS = 10_000;

/** The thread's name may hold anything up to its closing parenthesis; nice is the 19th field. */
function nicenessOfThreads(): number[] {
  return readdirSync('/proc/self/task').flatMap((id) => {
    try {
      const text = readFileSync(`/proc/self/task/${id}/stat`, 'utf8');
      return [Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[16])];
    } catch {
      return [];
    }
  });
}

const slowThreads = (): number => nicenessOfThreads().filter((niceness) => niceness > getPriority()).length;

describe('HashThreads', () => {
  it('make hashes and compare them, several at once', async () => {
    const threads = new HashThreads();
    const hashes = await Promise.all(['a', 'b', 'c'].map((password) => threads.hash(password, 4)));
    expect(hashes).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/^\$2b\$04\$/)));
    const answers = await Promise.all(hashes.map((hash) => threads.compare('b', hash)));
    expect(answers).toEqual([false, true, false]);
  });

  it('fail for what bcrypt refuses, and go on', async () => {
    const threads = new HashThreads();
    await expect(threads.compare(undefined as unknown as string, 'x')).rejects.toThrow(/could not be hashed/);
    await expect(threads.hash('a', 4)).resolves.toMatch(/^\$2b\$/);
  });

  OF_LINUX('yield to the thread that serves, and end when they have nothing to do', async () => {
    const before = slowThreads();
    const threads = new HashThreads({ idleMs: 1 });
    // Long enough to be seen at work.
    const hash = threads.hash('a', 12);
    const until = performance.now() + WAIT_MS;
    const reaches = async (count: number): Promise<void> => {
      while (slowThreads() !== count && performance.now() < until) await pause(5);
      expect(slowThreads()).toBe(count);
    };
    await reaches(before + 1);
    await hash;
    await reaches(before);
  });
});
