import { describe, expect, it } from '@jest/globals';
import { etagOf, Precondition } from './etag.js';

describe('Precondition', () => {
  it.each([
    [undefined, true],
    ['*', true],
    ['"3"', true],
    ['W/"3"', true],
    ['"1", "3"', true],
    ['"1",W/"3"', true],
    ['"4"', false],
    ['3', false],
    ['', false],
    ['"33"', false],
  ])('If-Match %j on version 3: %j', (header, holds) => {
    expect(new Precondition(header).holds(3)).toBe(holds);
  });

  it('throws version.conflict where it does not hold', () => {
    expect(() => new Precondition(etagOf(2)).check(3)).toThrow(expect.objectContaining({ code: 'version.conflict' }));
    expect(() => new Precondition(etagOf(3)).check(3)).not.toThrow();
  });
});
