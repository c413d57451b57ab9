import { describe, expect, it } from '@jest/globals';
import { parsePath } from '../paths/virtual-path.js';
import { OPEN_POLICY } from './access-policy.js';
import { isDrop, restrictToAnonymous } from './anonymous.js';
import { permissionsOf } from './permission.js';

const DROP = { dropFolder: parsePath('/incoming') };

describe('restrictToAnonymous', () => {
  it('leaves reading, whatever the account may do', () => {
    const policy = restrictToAnonymous(OPEN_POLICY, { dropFolder: null });
    expect(permissionsOf(policy.permissionsAt(parsePath('/incoming/a')))).toEqual(['list', 'download']);
    expect(policy.ruleFor('delete', parsePath('/a'))?.rule).toBe('anonymous visitors may only read');
    expect(policy.ruleFor('download', parsePath('/a'))).toBeNull();
  });

  it('leaves new files alone in the drop folder and everything below it', () => {
    const policy = restrictToAnonymous(OPEN_POLICY, DROP);
    for (const path of ['/incoming', '/incoming/a', '/incoming/b/c']) {
      expect(permissionsOf(policy.permissionsAt(parsePath(path)))).toEqual(['upload']);
    }
    expect(permissionsOf(policy.permissionsAt(parsePath('/incoming2')))).toEqual(['list', 'download']);
  });

  it('gives nothing that the account does not have', () => {
    const policy = restrictToAnonymous({ ...OPEN_POLICY, permissionsAt: () => 0 }, DROP);
    expect(policy.permissionsAt(parsePath('/a'))).toBe(0);
    expect(policy.permissionsAt(parsePath('/incoming/a'))).toBe(0);
  });

  it('knows what is inside the drop folder', () => {
    expect(['/incoming', '/incoming/a', '/a'].map((path) => isDrop(DROP, parsePath(path)))).toEqual([
      false,
      true,
      false,
    ]);
    expect(isDrop({ dropFolder: null }, parsePath('/a'))).toBe(false);
  });
});
