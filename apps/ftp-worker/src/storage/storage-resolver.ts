import { join } from 'node:path';
import type { GrantMount, SpaceBackend, VirtualPath } from '@quayside/domain';
import type { StorageResolver } from '@quayside/ftp-engine';
import { LocalBackend, type StorageBackend } from '@quayside/storage';

/** Open spaces kept per worker; beyond it the one that was used least recently is closed when nothing uses it. */
const MAX_OPEN_SPACES = 4096;

/**
 * One backend per space and subpath, shared by all sessions of the worker: a backend knows no account, so sharing is
 * safe, and it holds the descriptors that make opening a file cheap.
 */
export class SpaceBackends implements StorageResolver {
  readonly #open = new Map<string, StorageBackend>();

  constructor(private readonly storageRoot: string) {}

  backendFor(mount: GrantMount): StorageBackend {
    return this.forSpace(mount.backend, mount.subpath);
  }

  /** The same by the space's own location, for recovery and upkeep. */
  forSpace(space: SpaceBackend, subpath: VirtualPath): StorageBackend {
    const key = `${space.root}\0${subpath}`;
    let backend = this.#open.get(key);
    if (backend !== undefined) {
      this.#open.delete(key);
    } else {
      backend = new LocalBackend({ root: join(this.storageRoot, space.root), subpath });
      this.#forgetOldest();
    }
    this.#open.set(key, backend);
    return backend;
  }

  async close(): Promise<void> {
    const backends = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(backends.map((backend) => backend.close()));
  }

  #forgetOldest(): void {
    if (this.#open.size < MAX_OPEN_SPACES) return;
    const [key, oldest] = this.#open.entries().next().value!;
    this.#open.delete(key);
    void oldest.close();
  }
}
