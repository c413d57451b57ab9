import { DomainError, type ErrorCode } from '@quayside/domain';
import { errorCode, isEscape } from '@quayside/native';

const CODES = new Map<string, ErrorCode>([
  ['ENOENT', 'path.not-found'],
  ['ENOTDIR', 'path.not-directory'],
  ['EEXIST', 'path.exists'],
  ['EISDIR', 'path.is-directory'],
  ['ENOTEMPTY', 'path.not-empty'],
  ['ENAMETOOLONG', 'path.name-refused'],
  ['EINVAL', 'path.name-refused'],
  ['EILSEQ', 'path.name-refused'],
  ['EACCES', 'access.denied'],
  ['EPERM', 'access.denied'],
  ['EBUSY', 'path.busy'],
  ['ETXTBSY', 'path.busy'],
  ['ENXIO', 'path.not-regular'],
  ['ENODEV', 'path.not-regular'],
  ['ENOSPC', 'storage.full'],
  ['EDQUOT', 'storage.full'],
  ['EFBIG', 'storage.full'],
]);

/** A system error as the DomainError that a caller may meet. What is not a system error is a bug and stays as it is. */
export function asStorageError(thrown: unknown): unknown {
  if (thrown instanceof DomainError) return thrown;
  const code = errorCode(thrown);
  if (code === '' || code.startsWith('ERR_') || code === 'ABORT_ERR') return thrown;
  if (isEscape(thrown)) return new DomainError('access.denied', { cause: thrown });
  return new DomainError(CODES.get(code) ?? 'storage.unavailable', { cause: thrown });
}

/** Run and translate what it throws. */
export function translated<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw asStorageError(error);
  }
}
