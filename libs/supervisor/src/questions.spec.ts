import { describe, expect, it } from '@jest/globals';
import { Questions } from './questions.js';

/** Two ends of one channel; the far one answers with `answer`. */
function channel(answer: (what: string) => unknown): Questions {
  const near: Questions = new Questions((message) => {
    setImmediate(() => far.take(structuredClone(message), answer));
    return true;
  });
  const far = new Questions((message) => {
    setImmediate(() => near.take(structuredClone(message), () => undefined));
    return true;
  });
  return near;
}

describe('Questions', () => {
  it('gets each answer to its own question', async () => {
    const near = channel((what) => Promise.resolve(`${what}!`));
    expect(await Promise.all([near.ask('a', 5_000), near.ask('b', 5_000)])).toEqual(['a!', 'b!']);
  });

  it('rejects where the other side cannot answer, is too late, or is gone', async () => {
    const failing = channel(() => Promise.reject(new Error('no')));
    await expect(failing.ask('a', 5_000)).rejects.toThrow('No answer');
    const silent = new Questions(() => true);
    await expect(silent.ask('a', 1)).rejects.toThrow('No answer to "a"');
    await expect(new Questions(() => false).ask('a', 5_000)).rejects.toThrow('gone');
    const left = new Questions(() => true);
    const asked = left.ask('a', 5_000);
    left.close();
    await expect(asked).rejects.toThrow('gone');
  });

  it('leaves other messages alone', () => {
    const questions = new Questions(() => true);
    for (const message of [null, 'ready', { type: 'ready' }, { type: 'question' }]) {
      expect(questions.take(message, () => undefined)).toBe(false);
    }
  });
});
