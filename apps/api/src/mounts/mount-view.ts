import { DomainError, isWithin, type VirtualPath } from '@quayside/domain';

/** Most mounts in one account's view. */
export const MOST_MOUNTS = 100;

export interface PlacedMount {
  readonly spaceId: string;
  readonly path: string;
  readonly subpath: string;
}

/**
 * Throws where mounts cannot be one account's view: two at one path, or one space with the same files at two paths,
 * which would get two sets of permissions, two locks and two names in the log. Mounts inside of mounts are fine: the
 * longest path serves.
 */
export function assertView(mounts: readonly PlacedMount[]): void {
  if (mounts.length > MOST_MOUNTS) throw new DomainError('mount.limit', { detail: `The limit is ${MOST_MOUNTS}` });
  for (const [index, mount] of mounts.entries()) {
    for (const other of mounts.slice(0, index)) {
      if (mount.path === other.path)
        throw new DomainError('mount.path-taken', { detail: `There is one at ${mount.path}` });
      if (mount.spaceId === other.spaceId && overlaps(mount.subpath, other.subpath)) {
        throw new DomainError('mount.overlap', { detail: `The same files are at ${other.path} and ${mount.path}` });
      }
    }
  }
}

function overlaps(a: string, b: string): boolean {
  return isWithin(a as VirtualPath, b as VirtualPath) || isWithin(b as VirtualPath, a as VirtualPath);
}
