import type { VirtualPath } from '@quayside/domain';

/** A file's bytes; an object of its own, so that names can be switched over to another one. */
export class MemoryFile {
  readonly kind = 'file';
  readonly id: number;
  data: Buffer = Buffer.alloc(0);
  size = 0;
  modifiedMs: number;
  mode = 0o640;

  constructor(id: number, nowMs: number) {
    this.id = id;
    this.modifiedMs = nowMs;
  }

  append(chunk: Uint8Array, nowMs: number): void {
    const end = this.size + chunk.length;
    if (end > this.data.length) {
      const grown = Buffer.alloc(Math.max(end, this.data.length * 2, 256));
      this.data.copy(grown, 0, 0, this.size);
      this.data = grown;
    }
    this.data.set(chunk, this.size);
    this.size = end;
    this.modifiedMs = nowMs;
  }

  truncate(size: number): void {
    this.size = Math.min(this.size, size);
  }
}

export class MemoryDirectory {
  readonly kind = 'directory';
  readonly id: number;
  readonly children = new Map<string, MemoryFile | MemoryDirectory>();
  readonly size = 0;
  modifiedMs: number;
  mode = 0o750;

  constructor(id: number, nowMs: number) {
    this.id = id;
    this.modifiedMs = nowMs;
  }
}

export type MemoryNode = MemoryFile | MemoryDirectory;

export interface MemoryPartial {
  /** Path in the whole space. */
  readonly path: VirtualPath;
  readonly accountId: string;
  readonly transferId: string;
  readonly file: MemoryFile;
}

/** What a disk would keep when the process dies: backends opened on one store see the same tree and staging area. */
export class MemoryStore {
  readonly capacity: number;
  readonly root: MemoryDirectory;
  /** Live uploads by transfer id; after a publish that replaced a file: the old one. */
  readonly uploads = new Map<string, { readonly key: string; readonly file: MemoryFile }>();
  readonly partials = new Map<string, MemoryPartial>();
  readonly detached = new Map<string, MemoryFile>();
  /** Moves into another tree that are not finished, by their id. */
  readonly moves = new Map<
    string,
    { readonly bytes: number; readonly files: number; readonly replacedBytes: number | null }
  >();
  /** Direct uploads by path, with the size that the file had before. */
  readonly locks = new Map<VirtualPath, { readonly transferId: string; readonly replacedBytes: number | null }>();
  #nextId = 1;

  /** @param capacity bytes that all files together may have; beyond it writes fail with `storage.full`. */
  constructor(capacity = Number.MAX_SAFE_INTEGER) {
    this.capacity = capacity;
    this.root = this.newDirectory();
  }

  newFile(): MemoryFile {
    return new MemoryFile(this.#nextId++, Date.now());
  }

  newDirectory(): MemoryDirectory {
    return new MemoryDirectory(this.#nextId++, Date.now());
  }
}
