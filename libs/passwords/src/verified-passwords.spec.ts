import { describe, expect, it } from '@jest/globals';
import { VerifiedPasswords } from './verified-passwords.js';

describe('VerifiedPasswords', () => {
  it('remembers a password for its credential and hash only', () => {
    const cache = new VerifiedPasswords();
    cache.add('c1', 'hash', 'secret');
    expect(cache.has('c1', 'hash', 'secret')).toBe(true);
    expect(cache.has('c1', 'hash', 'secret2')).toBe(false);
    expect(cache.has('c2', 'hash', 'secret')).toBe(false);
    expect(cache.has('c1', 'newer hash', 'secret')).toBe(false);
  });

  it('forgets after the time to live', () => {
    let now = 1000;
    const cache = new VerifiedPasswords({ ttlMs: 50, nowMs: () => now });
    cache.add('c1', 'hash', 'secret');
    now = 1049;
    expect(cache.has('c1', 'hash', 'secret')).toBe(true);
    now = 1050;
    expect(cache.has('c1', 'hash', 'secret')).toBe(false);
  });

  it('drops the oldest when it is full', () => {
    const cache = new VerifiedPasswords({ maxEntries: 2 });
    for (const id of ['a', 'b', 'c']) cache.add(id, 'hash', 'secret');
    expect(['a', 'b', 'c'].map((id) => cache.has(id, 'hash', 'secret'))).toEqual([false, true, true]);
  });
});
