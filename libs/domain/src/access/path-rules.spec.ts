import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { compilePathRules, compilePattern, pathPatternFault, segmentsOf } from './path-rules.js';
import { ALL_PERMISSIONS, type Permission, PERMISSIONS, permissionsOf, permits } from './permission.js';
import type { PathRule } from './policy-rules.js';

const at = (rules: PathRule[], path: string) => permissionsOf(compilePathRules(rules).permittedAt(segmentsOf(path)));
const all = permissionsOf(ALL_PERMISSIONS);
const without = (...names: Permission[]) => all.filter((name) => !names.includes(name));

describe('a path pattern', () => {
  it.each([
    ['/', '/', true],
    ['/', '/any/thing', true],
    ['/**', '/', true],
    ['/public', '/public', true],
    ['/public', '/public/a/b', true],
    ['/public', '/publicity', false],
    ['/public/**', '/public', true],
    ['/public/*', '/public', false],
    ['/public/*', '/public/a', true],
    ['/public/*', '/public/a/b', false],
    ['/public/*/**', '/public/a/b', true],
    ['/*/private', '/a/private/x', true],
    ['/*/private', '/a/b/private', false],
    ['/**/private', '/private', true],
    ['/**/private', '/a/b/private/x', true],
    ['/**/*.php', '/a/b/x.php', true],
    ['/**/*.php', '/a/b/x.PHP', false],
    ['/a/**/z', '/a/z', true],
    ['/a/**/z', '/a/b/c/z', true],
    ['/caf\u00e9', '/cafe\u0301/x', true],
    ['/public/', '/public/x', true],
  ])('%s on %s: %s', (pattern, path, expected) => {
    expect(compilePattern(pattern).matches(segmentsOf(path))).toBe(expected);
  });

  it('is ordered from general to specific', () => {
    const order = ['/', '/**/x.txt', '/*', '/a/*', '/a/**/b', '/a/*.php', '/a/b', '/a/b/*', '/a/b/c'];
    const values = order.map((text) => compilePattern(text).specificity);
    expect(compilePattern('/a/**').specificity).toBe(compilePattern('/a').specificity);
    expect(compilePattern('/a/*').specificity).toBeGreaterThan(compilePattern('/a').specificity);
    // /**/x.txt and /* both name one segment without a plain start; the one that spells more out wins.
    expect(values[1]).toBeGreaterThan(values[2]!);
    const rest = [values[0]!, values[2]!, ...values.slice(3)];
    expect(rest).toEqual(rest.toSorted((a, b) => a - b));
    expect(new Set(rest).size).toBe(rest.length);
  });

  it.each(['public', '', '//', '/a//b', '/a/../b', '/./a', '/a[', '/{a,b}'])('refuses %j', (pattern) => {
    expect(pathPatternFault(pattern)).not.toBeNull();
  });
});

describe('path rules of one policy', () => {
  it('let the most specific rule that mentions a permission decide', () => {
    const rules: PathRule[] = [
      { path: '/**', deny: ['upload', 'delete'] },
      { path: '/in/**', allow: ['upload'] },
      { path: '/in/locked', deny: ['upload'] },
    ];
    expect(at(rules, '/x')).toEqual(without('upload', 'delete'));
    expect(at(rules, '/in/x')).toEqual(without('delete'));
    expect(at(rules, '/in/locked/x')).toEqual(without('upload', 'delete'));
    expect(at(rules.toReversed(), '/in/x')).toEqual(without('delete'));
  });

  it('let deny win at equal specificity and within one rule', () => {
    expect(
      at(
        [
          { path: '/a', allow: ['delete'] },
          { path: '/a/**', deny: ['delete'] },
        ],
        '/a/x',
      ),
    ).toEqual(without('delete'));
    expect(at([{ path: '/a', allow: ['delete'], deny: ['delete'] }], '/a/x')).toEqual(without('delete'));
  });

  it('read an allow with nothing to give back as a complete list', () => {
    const rules: PathRule[] = [{ path: '/**', allow: ['list', 'download'] }];
    expect(at(rules, '/x')).toEqual(['list', 'download']);
    expect(at([...rules, { path: '/in', allow: ['upload'] }], '/in/x')).toEqual(['list', 'download', 'upload']);
    expect(at([{ path: '/pub', allow: ['list'] }], '/elsewhere')).toEqual(all);
  });

  it('say which rule decides', () => {
    const rules = compilePathRules([
      { path: '/**', deny: ['upload'] },
      { path: '/in', allow: ['upload'] },
      { path: '/pub', allow: ['list'] },
    ]);
    expect(rules.explain('upload', ['x'])).toBe('deny upload at /**');
    expect(rules.explain('upload', ['in', 'x'])).toBe('allow upload at /in');
    expect(rules.explain('delete', ['pub', 'x'])).toBe('allow only list at /pub');
    expect(rules.explain('delete', ['x'])).toBeNull();
  });

  it('find what protects something below a folder', () => {
    const rules = compilePathRules([
      { path: '/a/b/secret', deny: ['rename'] },
      { path: '/**/*.cfg', deny: ['rename'] },
      { path: '/free', allow: ['rename'] },
    ]);
    expect(rules.explainBelow('rename', ['a'])).toBe('deny rename at /a/b/secret');
    expect(rules.explainBelow('rename', ['c'])).toBe('deny rename at /**/*.cfg');
    expect(rules.explainBelow('rename', ['free'])).toBeNull();
    expect(rules.explainBelow('delete', ['c'])).toBeNull();
  });

  it('never miss a protected path below a folder', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'x.cfg');
    const pattern = fc
      .array(fc.oneof(name, fc.constantFrom('*', '**', '*.cfg', '[ab]')), { maxLength: 4 })
      .map((list) => `/${list.join('/')}`);
    const few = fc.uniqueArray(fc.constantFrom('rename', 'upload', 'list' as const), { maxLength: 2 }) as fc.Arbitrary<
      Permission[]
    >;
    const rule = fc.record({ path: pattern, allow: few, deny: few });
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 4 }),
        fc.array(name, { maxLength: 2 }),
        fc.array(name, { minLength: 1, maxLength: 3 }),
        (list, folder, rest) => {
          const rules = compilePathRules(list);
          for (const permission of PERMISSIONS) {
            if (!permits(rules.permittedAt(folder), permission) || rules.explainBelow(permission, folder) !== null)
              continue;
            expect(permits(rules.permittedAt([...folder, ...rest]), permission)).toBe(true);
          }
        },
      ),
      { numRuns: 10_000 },
    );
  });
});
