import { join } from 'node:path';
import type { GrantMount, SpaceBackend, VirtualPath } from '@quayside/domain';
import type { StorageResolver } from '@quayside/ftp-engine';
import { LocalBackend, type StorageBackend } from '@quayside/storage';

/** Open spaces kept per worker; beyond it the one that was used least recently gives its descriptors back. */
const MAX_OPEN_SPACES = 4096;

/**
 * One backend per space and subpath, shared by all sessions of the worker: a backend knows no account, so sharing is
 * safe, and it holds the descriptors that make opening a file cheap.
 */
export class SpaceBackends implements StorageResolver {
  private readonly open = new Map<string, StorageBackend>();

  constructor(private readonly storageRoot: string) {}

  backendFor(mount: Pick<GrantMount, 'backend' | 'subpath'>): StorageBackend {
    return this.forSpace(mount.backend, mount.subpath);
  }

  private forSpace(space: SpaceBackend, subpath: VirtualPath): StorageBackend {
    const key = `${space.root}\0${subpath}`;
    let backend = this.open.get(key);
    if (backend === undefined) {
      const whole = LocalBackend.open({ folder: join(this.storageRoot, space.root) });
      backend = subpath === '/' ? whole : whole.enter(subpath);
      this.closeOldest();
    } else {
      this.open.delete(key);
    }
    this.open.set(key, backend);
    return backend;
  }

  close(): void {
    for (const backend of this.open.values()) backend.close();
    this.open.clear();
  }

  private closeOldest(): void {
    if (this.open.size < MAX_OPEN_SPACES) return;
    const [key, oldest] = this.open.entries().next().value!;
    this.open.delete(key);
    oldest.close();
  }
}
