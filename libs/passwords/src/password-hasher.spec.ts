import { describe, expect, it } from '@jest/globals';
import { PasswordHasher } from './password-hasher.js';

describe('PasswordHasher', () => {
  const hasher = new PasswordHasher({ cost: 4 });

  it('verifies what it hashed and nothing else', async () => {
    const hash = await hasher.hash('correct horse');
    expect(await hasher.verify('correct horse', hash)).toBe(true);
    expect(await hasher.verify('correct hors', hash)).toBe(false);
  });

  it.each(['', 'plain text', '$2b$04$short', '$1$abc$def', '{CRYPT}x'])(
    'never matches the stored value %j',
    async (stored) => {
      expect(await hasher.verify(stored, stored)).toBe(false);
      expect(await hasher.verify('', stored)).toBe(false);
    },
  );

  it('verifies imported hashes and asks for a new one, but not for a password that bcrypt would cut', async () => {
    const imported = '{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0';
    expect(await hasher.verify('correct horse', imported)).toBe(true);
    expect(await hasher.verify('correct hors', imported)).toBe(false);
    expect(hasher.needsRehash(imported, 'correct horse')).toBe(true);
    expect(hasher.needsRehash(imported, 'x'.repeat(73))).toBe(false);
  });

  it('never matches an empty password, even where the stored hash is of one', async () => {
    expect(await hasher.verify('', '{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=')).toBe(false);
    expect(await hasher.verify('', await hasher.hash(''))).toBe(false);
  });

  it('asks for a new hash when the cost has risen', async () => {
    const cheap = await hasher.hash('secret');
    expect(hasher.needsRehash(cheap)).toBe(false);
    expect(new PasswordHasher({ cost: 5 }).needsRehash(cheap)).toBe(true);
  });

  it('refuses attempts beyond the queue with auth.busy and serves the rest', async () => {
    const small = new PasswordHasher({ cost: 8, concurrency: 1, maxWaiting: 2 });
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => small.hash('x')));
    const refusals = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(refusals).toEqual([
      expect.objectContaining({ code: 'auth.busy' }),
      expect.objectContaining({ code: 'auth.busy' }),
    ]);
    await expect(small.hash('again')).resolves.toMatch(/^\$2b\$08\$/);
  });

  it('lets an attempt that is waiting be given up', async () => {
    const small = new PasswordHasher({ cost: 8, concurrency: 1 });
    const abort = new AbortController();
    const first = small.hash('x');
    const second = small.verify('x', `$2b$08$${'a'.repeat(53)}`, abort.signal);
    abort.abort(new Error('client left'));
    await expect(second).rejects.toThrow('client left');
    await expect(first).resolves.toMatch(/^\$2b\$/);
  });
});
