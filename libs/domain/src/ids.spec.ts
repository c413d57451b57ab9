import { describe, expect, it } from '@jest/globals';
import { isId, newId } from './ids.js';

const FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('newId', () => {
  it('gives ids of version 7, each after the one before, more than a millisecond holds as well', () => {
    const nowMs = Date.now();
    const ids = Array.from({ length: 20_000 }, () => newId(nowMs));
    expect(ids.filter((id) => !FORM.test(id) || !isId(id))).toEqual([]);
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids.map((id) => id.slice(19))).size).toBe(ids.length);
  });

  it('begins with the time', () => {
    // Later than any that another case has asked for: ids never go back.
    const ms = 0x1234_5678_9abc;
    expect(newId(ms)).toMatch(/^12345678-9abc-7/);
    expect(newId(ms - 1)).toMatch(/^12345678-9abc-7/);
    expect(newId(ms + 1)).toMatch(/^12345678-9abd-7/);
  });
});
