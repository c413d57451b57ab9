import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { compileSegment, segmentGlobFault } from './glob.js';

describe('a segment glob', () => {
  it.each([
    ['*.php', 'a.php', true],
    ['*.php', '.php', true],
    ['*.php', 'a.php.txt', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a?c', 'a😀c', true],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[!a-c]x', 'dx', true],
    ['[]]', ']', true],
    ['[*]', '*', true],
    ['[*]', 'a', false],
    ['[a-]', '-', true],
    ['a**b', 'a-middle-b', true],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b*', 'xxbxxaxx', false],
    ['plain', 'plain', true],
    ['a.c', 'abc', false],
    ['(a|b)+$', '(a|b)+$', true],
  ])('%s on %s: %s', (pattern, name, expected) => {
    expect(compileSegment(pattern).matches(name)).toBe(expected);
  });

  it('agrees with a regular expression on random patterns and names', () => {
    const pieces = fc.constantFrom('a', 'b', '*', '?', '[ab]', '[!a]', '.', 'ab');
    const pattern = fc.array(pieces, { minLength: 1, maxLength: 8 }).map((list) => list.join(''));
    const name = fc
      .array(fc.constantFrom('a', 'b', 'c', '.'), { minLength: 1, maxLength: 10 })
      .map((list) => list.join(''));
    fc.assert(
      fc.property(pattern, name, (text, subject) => {
        const source = text.replaceAll('.', '[.]').replaceAll('[!', '[^').replaceAll('*', '.*').replaceAll('?', '.');
        expect(compileSegment(text).matches(subject)).toBe(new RegExp(`^${source}$`, 'u').test(subject));
      }),
      { numRuns: 5_000 },
    );
  });

  it('does not blow up on patterns that make backtracking matchers exponential', () => {
    const pattern = `${'*a'.repeat(31)}*b`;
    // Exponential matching would not come back before the test times out.
    expect(compileSegment(pattern).matches('a'.repeat(255))).toBe(false);
  });

  it.each(['', 'a/b', '[abc', 'a{b,c}', String.raw`\*`, 'a\u0000', 'x'.repeat(513), `*${'x'.repeat(64)}`])(
    'refuses %j',
    (pattern) => {
      expect(segmentGlobFault(pattern)).not.toBeNull();
      expect(() => compileSegment(pattern)).toThrow('The pattern');
    },
  );
});
