import { describe, expect, it } from '@jest/globals';
import { bearerToken, generateApiKey, hashApiKey } from './api-key-format.js';

describe('API keys', () => {
  it('have the form that secret scanners look for, and a hash that finds them again', () => {
    const { key, keyHash, prefix } = generateApiKey();
    expect(key).toMatch(/^qs_[A-Za-z0-9]{8}_[A-Za-z0-9]{43}$/);
    expect(key.startsWith(`${prefix}_`)).toBe(true);
    expect(hashApiKey(key).equals(keyHash)).toBe(true);
    expect(generateApiKey().key).not.toBe(key);
  });

  it.each([
    ['Bearer abc', 'abc'],
    ['bearer  abc ', 'abc'],
    ['Basic abc', null],
    ['Bearer', null],
    ['Bearer a b', null],
    [`Bearer ${'x'.repeat(513)}`, null],
    [undefined, null],
  ])('reads %j as %j', (header, token) => {
    expect(bearerToken(header)).toBe(token);
  });
});
