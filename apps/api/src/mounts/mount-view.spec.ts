import { describe, expect, it } from '@jest/globals';
import { assertView, MOST_MOUNTS, type PlacedMount } from './mount-view.js';

function mount(spaceId: string, path: string, subpath = '/'): PlacedMount {
  return { spaceId, path, subpath };
}

function codeOf(...mounts: readonly PlacedMount[]): string | null {
  try {
    assertView(mounts);
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('assertView', () => {
  it('takes nothing, one mount, mounts inside of mounts, and separate folders of one space', () => {
    expect(codeOf()).toBeNull();
    expect(codeOf(mount('a', '/'))).toBeNull();
    expect(codeOf(mount('a', '/'), mount('b', '/x'), mount('c', '/x/y'))).toBeNull();
    expect(codeOf(mount('a', '/x', '/one'), mount('a', '/y', '/two'), mount('a', '/z', '/one-more'))).toBeNull();
  });

  it('refuses two at one path, and the same files at two', () => {
    expect(codeOf(mount('a', '/x'), mount('b', '/x'))).toBe('mount.path-taken');
    expect(codeOf(mount('a', '/'), mount('b', '/c'), mount('a', '/x'))).toBe('mount.overlap');
    expect(codeOf(mount('a', '/'), mount('a', '/x', '/x'))).toBe('mount.overlap');
    expect(codeOf(mount('a', '/x', '/one/two'), mount('a', '/y', '/one'))).toBe('mount.overlap');
  });

  it('refuses more than the limit', () => {
    const many = Array.from({ length: MOST_MOUNTS + 1 }, (_, n) => mount(`s${n}`, `/${n}`));
    expect(codeOf(...many.slice(1))).toBeNull();
    expect(codeOf(...many)).toBe('mount.limit');
  });
});
