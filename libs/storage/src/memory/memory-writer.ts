import { DomainError, nameOf } from '@quayside/domain';
import type { Abandoned, OpenWriteOptions, Published, StorageWriter, UploadTarget } from '../storage-backend.js';
import type { MemoryBackend } from './memory-backend.js';
import { MemoryFile } from './memory-store.js';

/** Staged and direct uploads in memory; the rules are those of the local backend. */
export class MemoryWriter implements StorageWriter {
  readonly fd = null;
  readonly startBytes: number;
  token = '';
  readonly #backend: MemoryBackend;
  readonly #target: UploadTarget;
  readonly #options: OpenWriteOptions;
  readonly #file: MemoryFile;
  readonly #directReplaced: number | null;
  #state: 'open' | 'published' | 'abandoned' = 'open';

  private constructor(
    backend: MemoryBackend,
    target: UploadTarget,
    options: OpenWriteOptions,
    opened: { readonly file: MemoryFile; readonly directReplaced: number | null },
  ) {
    this.#backend = backend;
    this.#target = target;
    this.#options = options;
    this.#file = opened.file;
    this.#directReplaced = opened.directReplaced;
    this.startBytes = opened.file.size;
  }

  static open(backend: MemoryBackend, target: UploadTarget, options: OpenWriteOptions): MemoryWriter {
    const committed = backend.find(target.path);
    backend.parent(target.path);
    if (committed?.kind === 'directory' && options.intent !== 'create') throw new DomainError('path.is-directory');
    const opened =
      options.mode === 'direct' ? openDirect(backend, target, options) : openStaged(backend, target, options);
    return new MemoryWriter(backend, target, options, opened);
  }

  get bytes(): number {
    return this.#file.size;
  }

  advance(): void {
    throw new Error('A memory writer has no descriptor to write past');
  }

  readonly writeSync = (chunk: Uint8Array): void => {
    const { capacity } = this.#backend.store;
    if (capacity < Number.MAX_SAFE_INTEGER && this.#backend.usedBytes() + chunk.length > capacity) {
      throw new DomainError('storage.full');
    }
    this.#file.append(chunk, Date.now());
  };

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) this.writeSync(chunk);
  }

  async seal(): Promise<void> {
    this.token =
      this.#options.mode === 'direct'
        ? `d.${this.bytes}.${this.#directReplaced ?? ''}`
        : `s.${this.bytes}.${this.#file.id}`;
  }

  async publish(): Promise<Published> {
    if (this.#state !== 'open') throw new Error('This upload is published or abandoned already');
    const { path, transferId } = this.#target;
    const { store } = this.#backend;
    let replacedBytes = this.#directReplaced;
    if (this.#options.mode === 'staged') {
      const { children } = this.#backend.parent(path);
      const old = children.get(nameOf(path));
      if (old !== undefined && this.#options.intent === 'create') throw new DomainError('path.exists');
      if (old?.kind === 'directory') throw new DomainError('path.is-directory');
      children.set(nameOf(path), this.#file);
      replacedBytes = old?.size ?? null;
      if (old === undefined) store.uploads.delete(transferId);
      else {
        this.#file.mode = old.mode;
        store.uploads.set(transferId, { key: this.#backend.key(path, this.#target.accountId), file: old });
      }
    }
    this.#state = 'published';
    return { entry: this.#backend.entry(nameOf(path), this.#file), replacedBytes };
  }

  async finish(): Promise<string | null> {
    const { path, accountId, transferId } = this.#target;
    const { store } = this.#backend;
    store.uploads.delete(transferId);
    if (this.#options.mode === 'direct') {
      this.#backend.unlock(path, transferId);
      return null;
    }
    const key = this.#backend.key(path, accountId);
    const older = store.partials.get(key);
    store.partials.delete(key);
    return older?.transferId ?? null;
  }

  async abandon({ keep }: { readonly keep: boolean }): Promise<Abandoned> {
    if (this.#state !== 'open') return { keptBytes: 0, inPlace: null };
    this.#state = 'abandoned';
    return this.#options.mode === 'direct' ? this.#abandonDirect(keep) : this.#abandonStaged(keep);
  }

  #abandonStaged(keep: boolean): Abandoned {
    this.#backend.store.uploads.delete(this.#target.transferId);
    if (!keep || (this.bytes === 0 && !this.#backend.shadowsOlder(this.#target)))
      return { keptBytes: 0, inPlace: null };
    this.#backend.keep(this.#target, this.#file);
    return { keptBytes: this.bytes, inPlace: null };
  }

  #abandonDirect(keep: boolean): Abandoned {
    const { path, transferId } = this.#target;
    this.#backend.unlock(path, transferId);
    if (!keep && this.#directReplaced === null) {
      this.#backend.parent(path).children.delete(nameOf(path));
      return { keptBytes: 0, inPlace: null };
    }
    if (!keep) this.#file.truncate(this.startBytes);
    return {
      keptBytes: keep ? this.bytes : 0,
      inPlace: { bytes: this.bytes, replacedBytes: this.#directReplaced },
    };
  }
}

interface Opened {
  readonly file: MemoryFile;
  readonly directReplaced: number | null;
}

function openDirect(backend: MemoryBackend, target: UploadTarget, options: OpenWriteOptions): Opened {
  const before = backend.find(target.path);
  if (before !== null && options.intent === 'create') throw new DomainError('path.exists');
  const size = before?.size ?? 0;
  const start = options.intent === 'append' ? size : options.intent === 'resume' ? options.start : 0;
  if (start > size) throw new DomainError('restart.beyond-end');
  const directReplaced = before?.size ?? null;
  backend.lock(target, directReplaced);
  const file = before instanceof MemoryFile ? before : backend.store.newFile();
  file.truncate(start);
  backend.parent(target.path).children.set(nameOf(target.path), file);
  return { file, directReplaced };
}

function openStaged(backend: MemoryBackend, target: UploadTarget, options: OpenWriteOptions): Opened {
  const { store } = backend;
  const key = backend.key(target.path, target.accountId);
  const stage = (file: MemoryFile): Opened => {
    store.uploads.set(target.transferId, { key, file });
    return { file, directReplaced: null };
  };
  if (options.intent === 'replace' || options.intent === 'create') return stage(store.newFile());
  const partial = store.partials.get(key);
  const busy = partial === undefined && [...store.uploads.values()].some((upload) => upload.key === key);
  if (busy) throw new DomainError('path.busy');
  const committed = backend.find(target.path);
  const size = partial?.file.size ?? committed?.size ?? 0;
  const start = options.intent === 'append' ? size : options.start;
  if (start > size) throw new DomainError('restart.beyond-end');
  if (partial !== undefined) {
    store.partials.delete(key);
    partial.file.truncate(start);
    return stage(partial.file);
  }
  const copy = store.newFile();
  if (committed instanceof MemoryFile) copy.append(committed.data.subarray(0, start), Date.now());
  return stage(copy);
}
