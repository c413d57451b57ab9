import { Readable } from 'node:stream';
import { DomainError, nameOf, parentOf, ROOT, type VirtualPath } from '@quayside/domain';
import type {
  Detached,
  Entry,
  Moved,
  MoveOptions,
  OpenFile,
  OpenWriteOptions,
  Recovery,
  StagedPartial,
  StorageBackend,
  StorageWriter,
  TreeSize,
  UploadTarget,
} from '../storage-backend.js';
import { MemoryDirectory, MemoryFile, type MemoryNode, type MemoryPartial, MemoryStore } from './memory-store.js';
import { MemoryWriter } from './memory-writer.js';

const PAGE = 512;
const READ_BYTES = 64 * 1024;

/** A space in memory, for tests and benchmarks of what is not storage. */
export class MemoryBackend implements StorageBackend {
  readonly kind = 'memory';
  readonly store: MemoryStore;
  readonly #prefix: VirtualPath;

  constructor(store: MemoryStore = new MemoryStore(), prefix: VirtualPath = ROOT) {
    this.store = store;
    this.#prefix = prefix;
  }

  enter(path: VirtualPath): MemoryBackend {
    return new MemoryBackend(this.store, this.#spacePath(path));
  }

  close(): void {
    // Nothing is held open.
  }

  async stat(path: VirtualPath): Promise<Entry> {
    return this.statSync(path);
  }

  readonly statSync = (path: VirtualPath): Entry => this.entry(nameOf(path), this.#existing(path));

  async *list(path: VirtualPath, { signal }: { readonly signal?: AbortSignal }): AsyncIterable<readonly Entry[]> {
    const all = [...this.#directory(path).children];
    for (let start = 0; start < all.length; start += PAGE) {
      signal?.throwIfAborted();
      yield all.slice(start, start + PAGE).map(([name, node]) => this.entry(name, node));
    }
  }

  async openRead(path: VirtualPath): Promise<OpenFile> {
    const node = this.#existing(path);
    if (node.kind === 'directory') throw new DomainError('path.is-directory');
    const readSync: OpenFile['readSync'] = (buffer, offset, length, position) => {
      const piece = node.data.subarray(Math.min(position, node.size), Math.min(position + length, node.size));
      buffer.set(piece, offset);
      return piece.length;
    };
    return {
      entry: this.entry(nameOf(path), node),
      fd: null,
      read: (...place) => Promise.resolve(readSync(...place)),
      readSync,
      close: () => Promise.resolve(),
    };
  }

  async createReadStream(
    path: VirtualPath,
    { start = 0, signal }: { readonly start?: number; readonly signal?: AbortSignal },
  ): Promise<Readable> {
    const file = await this.openRead(path);
    const pieces = async function* () {
      for (let position = start; ;) {
        const buffer = Buffer.allocUnsafe(READ_BYTES);
        const count = await file.read(buffer, 0, buffer.length, position);
        if (count === 0) return;
        position += count;
        yield buffer.subarray(0, count);
      }
    };
    return Readable.from(pieces(), { objectMode: false, signal });
  }

  async openWrite(target: UploadTarget, options: OpenWriteOptions): Promise<StorageWriter> {
    if (target.path === '/') throw new DomainError('path.is-directory');
    return MemoryWriter.open(this, target, options);
  }

  async rename(
    from: VirtualPath,
    to: VirtualPath,
    { replaceId }: { readonly replaceId: string | null },
  ): Promise<Detached | null> {
    if (from === '/' || to === '/') throw new DomainError('access.denied');
    const node = this.#existing(from);
    if (from === to) return null;
    if (to.startsWith(`${from}/`)) throw new DomainError('path.name-refused');
    const { children } = this.parent(to);
    const old = children.get(nameOf(to));
    if (old !== undefined) {
      const files = old.kind === 'file' && node.kind === 'file';
      if (replaceId === null || !files) throw new DomainError('path.exists');
      this.store.detached.set(replaceId, old);
    }
    this.parent(from).children.delete(nameOf(from));
    children.set(nameOf(to), node);
    return old === undefined || replaceId === null ? null : this.#detached(replaceId, old.size);
  }

  async moveInto(from: VirtualPath, target: StorageBackend, to: VirtualPath, options: MoveOptions): Promise<Moved> {
    if (from === '/' || to === '/') throw new DomainError('access.denied');
    if (!(target instanceof MemoryBackend)) throw new DomainError('path.name-refused');
    const { id, replace, admits } = options;
    const node = this.#existing(from);
    if (this.store.locks.has(this.#spacePath(from))) throw new DomainError('path.busy');
    const { children } = target.parent(to);
    const old = children.get(nameOf(to)) ?? null;
    if (old?.kind === 'directory' || (old !== null && (!replace || node.kind !== 'file'))) {
      throw new DomainError('path.exists');
    }
    const size = sizeOf(node);
    if (!admits(size, old === null ? null : old.size)) throw new DomainError('path.busy');
    this.parent(from).children.delete(nameOf(from));
    children.set(nameOf(to), node);
    this.store.moves.set(id, { ...size, replacedBytes: old === null ? null : old.size });
    if (old !== null) this.store.detached.set(id, old);
    return (await this.recoverMove(id))!;
  }

  async detach(path: VirtualPath, id: string): Promise<Detached> {
    const node = this.#existing(path);
    if (node.kind === 'directory') throw new DomainError('path.is-directory');
    this.parent(path).children.delete(nameOf(path));
    this.store.detached.set(id, node);
    return this.#detached(id, node.size);
  }

  async makeDirectory(path: VirtualPath): Promise<void> {
    if (path === '/') throw new DomainError('path.exists');
    const { children } = this.parent(path);
    if (children.has(nameOf(path))) throw new DomainError('path.exists');
    children.set(nameOf(path), this.store.newDirectory());
  }

  async removeDirectory(path: VirtualPath): Promise<void> {
    if (path === '/') throw new DomainError('access.denied');
    if (this.#directory(path).children.size > 0) throw new DomainError('path.not-empty');
    this.parent(path).children.delete(nameOf(path));
  }

  async setModified(path: VirtualPath, ms: number): Promise<void> {
    this.#existing(path).modifiedMs = ms;
  }

  async setMode(path: VirtualPath, mode: number): Promise<void> {
    this.#existing(path).mode = mode & 0o777;
  }

  async partial(path: VirtualPath, accountId: string): Promise<StagedPartial | null> {
    const partial = this.store.partials.get(this.key(path, accountId));
    return partial === undefined ? null : this.#view(partial);
  }

  async partialsIn(directory: VirtualPath, accountId: string): Promise<readonly StagedPartial[]> {
    const folder = this.#spacePath(directory);
    return [...this.store.partials.values()]
      .filter((partial) => partial.accountId === accountId && parentOf(partial.path) === folder)
      .map((partial) => this.#view(partial)!);
  }

  async *partials(): AsyncIterable<StagedPartial> {
    for (const partial of Array.from(this.store.partials.values())) {
      const view = this.#view(partial);
      if (view !== null) yield view;
    }
  }

  async dropPartial(path: VirtualPath, accountId: string): Promise<boolean> {
    return this.store.partials.delete(this.key(path, accountId));
  }

  async recoverUpload(target: UploadTarget, token: string | null): Promise<Recovery> {
    const [, bytes, rest] = /^[sd]\.(\d+)\.(\d*)$/.exec(token ?? '') ?? [];
    if (token?.startsWith('d.') === true) {
      const finish = async () => this.unlock(target.path, target.transferId);
      return { published: true, bytes: Number(bytes), replacedBytes: rest === '' ? null : Number(rest), finish };
    }
    const lock = this.store.locks.get(this.#spacePath(target.path));
    if (token === null && lock?.transferId === target.transferId) {
      const size = this.find(target.path)?.size ?? 0;
      this.unlock(target.path, target.transferId);
      return { published: false, keptBytes: size, inPlace: { bytes: size, replacedBytes: lock.replacedBytes } };
    }
    const upload = this.store.uploads.get(target.transferId);
    const kept = this.store.partials.get(this.key(target.path, target.accountId));
    const isPartial = kept?.transferId === target.transferId;
    if (token === null || upload?.file.id === Number(rest) || (upload === undefined && isPartial)) {
      return this.#keepUpload(target, upload?.file ?? (isPartial ? kept.file : null));
    }
    const finish = async () => {
      this.store.uploads.delete(target.transferId);
      this.store.partials.delete(this.key(target.path, target.accountId));
    };
    return { published: true, bytes: Number(bytes), replacedBytes: upload?.file.size ?? null, finish };
  }

  async recoverDetach(id: string): Promise<Detached | null> {
    const file = this.store.detached.get(id);
    return file === undefined ? null : this.#detached(id, file.size);
  }

  async recoverMove(id: string): Promise<Moved | null> {
    const moved = this.store.moves.get(id);
    if (moved === undefined) return null;
    const finish = async () => {
      this.store.moves.delete(id);
      this.store.detached.delete(id);
    };
    return { ...moved, finish };
  }

  async measure({ path = ROOT }: { readonly path?: VirtualPath }): Promise<TreeSize> {
    return sizeOf(this.#existing(path));
  }

  async freeBytes(): Promise<number> {
    return Math.max(this.store.capacity - this.usedBytes(), 0);
  }

  /** Bytes of everything that the store holds: tree, staging and detached files. */
  usedBytes(): number {
    const staged = [...this.store.uploads.values(), ...this.store.partials.values()].map(({ file }) => file);
    const size = (node: MemoryNode): number =>
      node.kind === 'file' ? node.size : [...node.children.values()].reduce((sum, child) => sum + size(child), 0);
    return [this.store.root, ...staged, ...this.store.detached.values()].reduce((sum, node) => sum + size(node), 0);
  }

  find(path: VirtualPath): MemoryNode | null {
    let node: MemoryNode = this.#root();
    for (const segment of path === '/' ? [] : path.slice(1).split('/')) {
      if (node.kind !== 'directory') return null;
      const child: MemoryNode | undefined = node.children.get(segment);
      if (child === undefined) return null;
      node = child;
    }
    return node;
  }

  parent(path: VirtualPath): MemoryDirectory {
    return this.#directory(parentOf(path));
  }

  key(path: VirtualPath, accountId: string): string {
    return JSON.stringify([accountId, this.#spacePath(path)]);
  }

  keep(target: UploadTarget, file: MemoryFile): void {
    const { accountId, transferId } = target;
    const path = this.#spacePath(target.path);
    this.store.partials.set(this.key(target.path, accountId), { path, accountId, transferId, file });
  }

  lock(target: UploadTarget, replacedBytes: number | null): void {
    const path = this.#spacePath(target.path);
    if (this.store.locks.has(path)) throw new DomainError('path.busy');
    this.store.locks.set(path, { transferId: target.transferId, replacedBytes });
  }

  /** Whether a cut upload without bytes is kept all the same: see the local backend. */
  shadowsOlder({ path, accountId }: UploadTarget): boolean {
    return this.find(path)?.kind === 'file' || this.store.partials.has(this.key(path, accountId));
  }

  unlock(path: VirtualPath, transferId: string): void {
    const full = this.#spacePath(path);
    if (this.store.locks.get(full)?.transferId === transferId) this.store.locks.delete(full);
  }

  entry(name: string, node: MemoryNode): Entry {
    const { kind, size, modifiedMs, mode, id } = node;
    return { name, kind, size, modifiedMs, mode, unique: String(id), links: 1 };
  }

  #keepUpload(target: UploadTarget, file: MemoryFile | null): Recovery {
    this.store.uploads.delete(target.transferId);
    if (file === null || (file.size === 0 && !this.shadowsOlder(target))) {
      return { published: false, keptBytes: 0, inPlace: null };
    }
    this.keep(target, file);
    return { published: false, keptBytes: file.size, inPlace: null };
  }

  #detached(id: string, bytes: number): Detached {
    const finish = async () => {
      this.store.detached.delete(id);
    };
    return { bytes, finish };
  }

  #existing(path: VirtualPath): MemoryNode {
    const node = this.find(path);
    if (node === null) throw new DomainError('path.not-found');
    return node;
  }

  #directory(path: VirtualPath): MemoryDirectory {
    const node = this.#existing(path);
    if (node.kind !== 'directory') throw new DomainError('path.not-directory');
    return node;
  }

  #root(): MemoryDirectory {
    let directory = this.store.root;
    for (const segment of this.#prefix === '/' ? [] : this.#prefix.slice(1).split('/')) {
      let child = directory.children.get(segment);
      if (child === undefined) {
        child = this.store.newDirectory();
        directory.children.set(segment, child);
      }
      if (child.kind !== 'directory') throw new DomainError('path.not-directory');
      directory = child;
    }
    return directory;
  }

  #spacePath(path: VirtualPath): VirtualPath {
    if (path === '/') return this.#prefix;
    return this.#prefix === '/' ? path : ((this.#prefix + path) as VirtualPath);
  }

  #view(partial: MemoryPartial): StagedPartial | null {
    const within = this.#prefix === '/' || partial.path.startsWith(`${this.#prefix}/`);
    if (!within) return null;
    const path = (this.#prefix === '/' ? partial.path : partial.path.slice(this.#prefix.length)) as VirtualPath;
    const { accountId, transferId, file } = partial;
    return { path, accountId, bytes: file.size, modifiedMs: file.modifiedMs, transferId };
  }
}

function sizeOf(node: MemoryNode): TreeSize {
  if (node.kind === 'file') return { bytes: node.size, files: 1 };
  const sizes = Array.from(node.children.values(), sizeOf);
  return {
    bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    files: sizes.reduce((sum, { files }) => sum + files, 0),
  };
}
