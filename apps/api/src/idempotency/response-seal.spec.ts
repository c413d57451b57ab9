import { describe, expect, it } from '@jest/globals';
import { fingerprintRequest, openResponse, sealResponse } from './response-seal.js';

const response = { status: 201, headers: { location: '/v1/x' }, body: { password: 'only-once-secret' } };

describe('sealed responses', () => {
  it('open with the same token and context', () => {
    expect(openResponse('token', 'key', sealResponse('token', 'key', response))).toEqual(response);
  });

  it('do not open with another token, another context or a changed byte', () => {
    const box = sealResponse('token', 'key', response);
    expect(() => openResponse('other', 'key', box)).toThrow(/authenticate/);
    expect(() => openResponse('token', 'other', box)).toThrow(/authenticate/);
    for (const index of [0, 20, 30, box.length - 1]) {
      const changed = Buffer.from(box);
      changed[index]! ^= 1;
      expect(() => openResponse('token', 'key', changed)).toThrow(/authenticate/);
    }
  });

  it('hold no readable secret and never look the same', () => {
    const box = sealResponse('token', 'key', response);
    expect(box.includes('only-once-secret')).toBe(false);
    expect(sealResponse('token', 'key', response).equals(box)).toBe(false);
  });
});

describe('request fingerprints', () => {
  it('differ by token, by part and by where one part ends', () => {
    const base = fingerprintRequest('token', ['POST', '/a', '{}']);
    expect(fingerprintRequest('token', ['POST', '/a', '{}']).equals(base)).toBe(true);
    expect(fingerprintRequest('other', ['POST', '/a', '{}']).equals(base)).toBe(false);
    expect(fingerprintRequest('token', ['POST', '/a{', '}']).equals(base)).toBe(false);
  });
});
