import { type GrantMount, isWithin, nameOf, relativeTo, type VirtualPath } from '@quayside/domain';

/** A path of the account's view that lies in a space. */
export interface Place {
  readonly path: VirtualPath;
  readonly mount: GrantMount;
  /** The same path as the mount's backend knows it. */
  readonly backendPath: VirtualPath;
}

/** Where the spaces of an account are in its view. Mounts must come with the longest path first. */
export class MountTable {
  readonly #mounts: readonly GrantMount[];

  constructor(mounts: readonly GrantMount[]) {
    this.#mounts = mounts;
  }

  /** The space that serves a path; null above all mounts. */
  placeOf(path: VirtualPath): Place | null {
    for (const mount of this.#mounts) {
      if (isWithin(path, mount.path)) return { path, mount, backendPath: relativeTo(path, mount.path) };
    }
    return null;
  }

  /** Whether the path is a mount point or leads to one: such a directory is there whatever a backend says. */
  isFixed(path: VirtualPath): boolean {
    return this.#mounts.some((mount) => isWithin(mount.path, path));
  }

  /** Names directly in a directory that are mount points or lead to one. */
  fixedNamesIn(directory: VirtualPath): ReadonlySet<string> {
    const names = new Set<string>();
    for (const mount of this.#mounts) {
      if (mount.path === directory || !isWithin(mount.path, directory)) continue;
      names.add(firstSegment(relativeTo(mount.path, directory)));
    }
    return names;
  }
}

function firstSegment(path: VirtualPath): string {
  const end = path.indexOf('/', 1);
  return end === -1 ? nameOf(path) : path.slice(1, end);
}
