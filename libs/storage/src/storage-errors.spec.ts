import { describe, expect, it } from '@jest/globals';
import { DomainError } from '@quayside/domain';
import { asStorageError, translated } from './storage-errors.js';

function systemError(code: string, syscall = 'open'): Error {
  return Object.assign(new Error(code), { code, syscall });
}

describe('storage errors', () => {
  it.each([
    ['ENOENT', 'path.not-found'],
    ['ENOTDIR', 'path.not-directory'],
    ['EEXIST', 'path.exists'],
    ['ENOTEMPTY', 'path.not-empty'],
    ['ENAMETOOLONG', 'path.name-refused'],
    ['EACCES', 'access.denied'],
    ['EPERM', 'access.denied'],
    ['ELOOP', 'access.denied'],
    ['ENOSPC', 'storage.full'],
    ['EDQUOT', 'storage.full'],
    ['EIO', 'storage.unavailable'],
    ['EROFS', 'storage.unavailable'],
    ['EMFILE', 'storage.unavailable'],
    ['ESTALE', 'storage.unavailable'],
  ])('%s becomes %s', (code, expected) => {
    expect(asStorageError(systemError(code))).toMatchObject({ code: expected });
  });

  it('tell a path that leads out from a rename across file systems', () => {
    expect(asStorageError(systemError('EXDEV', 'openat2'))).toMatchObject({ code: 'access.denied' });
    expect(asStorageError(systemError('EXDEV', 'renameat2'))).toMatchObject({ code: 'storage.unavailable' });
  });

  it('leave DomainErrors, bugs and aborts alone', () => {
    for (const thrown of [
      new DomainError('path.busy'),
      new TypeError('bug'),
      systemError('ERR_OUT_OF_RANGE'),
      'text',
    ]) {
      expect(asStorageError(thrown)).toBe(thrown);
    }
    expect(() =>
      translated(() => {
        throw systemError('ENOSPC');
      }),
    ).toThrow(DomainError);
  });
});
