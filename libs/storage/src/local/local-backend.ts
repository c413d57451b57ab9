import { closeSync, constants, createReadStream, promises } from 'node:fs';
import type { Readable } from 'node:stream';
import { DomainError, nameOf, type VirtualPath } from '@quayside/domain';
import {
  errorCode,
  type FileFacts,
  isEscape,
  joinPath,
  type NativeUse,
  rawName,
  type RootedFolder,
  splitPath,
  type SystemPath,
} from '@quayside/native';
import { encodeName } from '../names.js';
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
import { asStorageError } from '../storage-errors.js';
import { DirectWriter } from './direct-writer.js';
import { entryOf, requireFile } from './local-entry.js';
import { LocalFile } from './local-file.js';
import { LocalSpace, type LocalSpaceOptions, systemPath } from './local-space.js';
import { Relocation } from './relocation.js';
import { Removal } from './removal.js';
import { SeenFolders } from './seen-folders.js';
import { StagedWriter } from './staged-writer.js';
import { StagingArea } from './staging-area.js';
import { recoverUpload } from './upload-recovery.js';

export interface LocalBackendOptions {
  /** Absolute folder of the space; `files` (the tree) and `staging` (never visible) are made in it at first use. */
  readonly folder: string;
  /** `off` keeps to Node's own calls; `auto` (default) takes the kernel's guarded ones where they are to be had. */
  readonly native?: NativeUse;
  /** Permission bits of new files (default 0o640) and folders (default 0o750), before the umask. */
  readonly fileMode?: number;
  readonly directoryMode?: number;
}

/** Names that one turn of the event loop lists; the loop runs between two slices. */
const SLICE = 512;

/** A space as files on a local (or mounted) file system. Nothing outside its `files` folder can be reached. */
export class LocalBackend implements StorageBackend {
  readonly kind = 'local';
  readonly #space: LocalSpace;
  readonly #staging: StagingArea;
  readonly #removal: Removal;
  readonly #relocation: Relocation;

  private constructor(options: LocalSpaceOptions) {
    this.#space = new LocalSpace(options);
    this.#staging = new StagingArea(this.#space);
    this.#removal = new Removal(this.#space, this.#staging);
    this.#relocation = new Relocation(this.#space, this.#staging, (...tree) => this.#measureTree(...tree));
  }

  static open(options: LocalBackendOptions): LocalBackend {
    return new LocalBackend({
      folder: options.folder,
      native: options.native ?? 'auto',
      fileMode: options.fileMode ?? 0o640,
      directoryMode: options.directoryMode ?? 0o750,
      prefix: '/' as VirtualPath,
    });
  }

  enter(path: VirtualPath): LocalBackend {
    return new LocalBackend({ ...this.#space.options, prefix: this.#space.spacePath(path) });
  }

  close(): void {
    this.#space.close();
  }

  async stat(path: VirtualPath): Promise<Entry> {
    const entry = this.statSync(path);
    if (entry === null) throw new DomainError('path.not-found');
    return entry;
  }

  readonly statSync = (path: VirtualPath): Entry | null =>
    this.#run((files) => {
      const system = systemPath(path);
      const { seenFolders } = this.#space;
      const [folder] = splitPath(system);
      const seen = seenFolders.has(folder);
      const facts = files.facts(system, seen);
      if (!seen) seenFolders.add(folder);
      if (facts === null) return null;
      return entryOf(nameOf(path), facts.kind === 'symlink' ? targetOf(files, system, facts) : facts);
    });

  async *list(path: VirtualPath, { signal }: { readonly signal?: AbortSignal }): AsyncIterable<readonly Entry[]> {
    const folder = systemPath(path);
    const reader = this.#run((files) => files.openFolder(folder));
    try {
      for (;;) {
        signal?.throwIfAborted();
        const names = reader.read(SLICE);
        if (names.length === 0) return;
        yield this.#run((files) => entriesOf(files, folder, names, (name) => reader.facts(name)));
        if (names.length === SLICE) await nextTurn();
      }
    } finally {
      reader.close();
    }
  }

  async openRead(path: VirtualPath): Promise<OpenFile> {
    return this.#run((files) => {
      const fd = openForReading(files, systemPath(path));
      try {
        const facts = files.factsOfOpen(fd);
        requireFile(facts.kind);
        return new LocalFile(fd, entryOf(nameOf(path), facts));
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    });
  }

  async createReadStream(
    path: VirtualPath,
    options: { readonly start?: number; readonly signal?: AbortSignal },
  ): Promise<Readable> {
    const { fd } = (await this.openRead(path)) as LocalFile;
    return createReadStream('', { fd, start: options.start ?? 0, signal: options.signal });
  }

  async openWrite(target: UploadTarget, options: OpenWriteOptions): Promise<StorageWriter> {
    if (target.path === '/') throw new DomainError('path.is-directory');
    try {
      const Writer = options.mode === 'staged' ? StagedWriter : DirectWriter;
      return await Writer.open(this.#space, this.#staging, target, options);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async rename(
    from: VirtualPath,
    to: VirtualPath,
    { replaceId }: { readonly replaceId: string | null },
  ): Promise<Detached | null> {
    refuseRoot(from);
    refuseRoot(to);
    return this.#run((files) => {
      const source = files.facts(systemPath(from));
      if (source === null) throw new DomainError('path.not-found');
      if (from === to) return null;
      if (source.kind !== 'file') SeenFolders.forgetAll();
      if (files.rename(systemPath(from), files, systemPath(to), 'exclusive')) return null;
      if (replaceId === null || source.kind !== 'file') throw new DomainError('path.exists');
      const target = files.facts(systemPath(to));
      if (target?.kind === 'directory') throw new DomainError('path.exists');
      if (target !== null) requireFile(target.kind);
      return this.#removal.replace(from, to, source, replaceId);
    });
  }

  async moveInto(from: VirtualPath, target: StorageBackend, to: VirtualPath, options: MoveOptions): Promise<Moved> {
    refuseRoot(from);
    refuseRoot(to);
    try {
      return await this.#relocation.move(from, treeOf(target), to, options);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async detach(path: VirtualPath, id: string): Promise<Detached> {
    return this.#run(() => this.#removal.detach(path, id));
  }

  async makeDirectory(path: VirtualPath): Promise<void> {
    if (path === '/') throw new DomainError('path.exists');
    this.#run((files) => files.makeDirectory(systemPath(path), this.#space.options.directoryMode));
  }

  async removeDirectory(path: VirtualPath): Promise<void> {
    refuseRoot(path);
    this.#run((files) => files.removeDirectory(systemPath(path)));
    SeenFolders.forgetAll();
  }

  async setModified(path: VirtualPath, ms: number): Promise<void> {
    this.#run((files) => {
      requireFileOrDirectory(files, systemPath(path));
      files.setModified(systemPath(path), ms);
    });
  }

  async setMode(path: VirtualPath, mode: number): Promise<void> {
    this.#run((files) => {
      requireFileOrDirectory(files, systemPath(path));
      files.setMode(systemPath(path), mode & 0o777);
    });
  }

  async partial(path: VirtualPath, accountId: string): Promise<StagedPartial | null> {
    return this.#run(() => this.#staging.partial(path, accountId));
  }

  async partialsIn(directory: VirtualPath, accountId: string): Promise<readonly StagedPartial[]> {
    return this.#run(() => this.#staging.partialsIn(directory, accountId));
  }

  async *partials(): AsyncIterable<StagedPartial> {
    try {
      yield* this.#staging.partials();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async dropPartial(path: VirtualPath, accountId: string): Promise<boolean> {
    return this.#run(() => this.#staging.dropPartial(path, accountId));
  }

  async recoverUpload(target: UploadTarget, token: string | null): Promise<Recovery> {
    return this.#run(() => recoverUpload(this.#space, this.#staging, target, token));
  }

  async recoverDetach(id: string): Promise<Detached | null> {
    return this.#run(() => this.#removal.recover(id));
  }

  async recoverMove(id: string, from: VirtualPath): Promise<Moved | null> {
    return this.#run(() => this.#relocation.recover(id, from));
  }

  async measure({ path, signal }: { readonly path?: VirtualPath; readonly signal?: AbortSignal }): Promise<TreeSize> {
    const start = path === undefined ? '' : systemPath(path);
    return this.#measureTree(
      this.#run((files) => files),
      start,
      this.#run((files) => files.facts(start)),
      signal,
    );
  }

  async freeBytes(): Promise<number> {
    try {
      const { bavail, bsize } = await promises.statfs(this.#space.madeFolder());
      return bavail * bsize;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async #measureTree(
    root: RootedFolder,
    start: SystemPath,
    facts: FileFacts | null,
    signal?: AbortSignal,
  ): Promise<TreeSize> {
    if (facts === null) throw new DomainError('path.not-found');
    const total = { bytes: 0, files: 0 };
    if (facts.kind !== 'directory') return facts.kind === 'file' ? { bytes: facts.size, files: 1 } : total;
    const folders: SystemPath[] = [start];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      await this.#measureFolder(root, folder, folders, total, signal);
    }
    return total;
  }

  async #measureFolder(
    root: RootedFolder,
    folder: SystemPath,
    folders: SystemPath[],
    total: { bytes: number; files: number },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const reader = this.#run(() => unlessGone(() => root.openFolder(folder)));
    if (reader === null) return;
    try {
      for (;;) {
        signal?.throwIfAborted();
        const names = reader.read(SLICE);
        if (names.length === 0) return;
        for (const name of names) {
          const facts = reader.facts(name);
          if (facts?.kind === 'file') {
            total.bytes += facts.size;
            total.files++;
          } else if (facts?.kind === 'directory') {
            folders.push(below(folder, name));
          }
        }
        await nextTurn();
      }
    } catch (error) {
      throw this.#failure(error);
    } finally {
      reader.close();
    }
  }

  /** The tree as another backend of the kind moves things into it. */
  get tree(): RootedFolder {
    return this.#run((files) => files);
  }

  #run<T>(use: (files: RootedFolder) => T): T {
    try {
      return use(this.#space.files);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): unknown {
    if (errorCode(error) === 'ENOENT') this.#space.forgetIfGone();
    return asStorageError(error);
  }
}

function treeOf(backend: StorageBackend): RootedFolder {
  if (backend instanceof LocalBackend) return backend.tree;
  throw new DomainError('path.name-refused', { detail: 'Files cannot be moved between these folders' });
}

function openForReading(files: RootedFolder, path: SystemPath): number {
  try {
    return files.open(path, constants.O_RDONLY);
  } catch (error) {
    if (isEscape(error)) throw new DomainError('path.not-regular', { cause: error });
    throw error;
  }
}

function entriesOf(
  files: RootedFolder,
  folder: SystemPath,
  names: readonly string[],
  factsIn: (name: string) => FileFacts | null,
): Entry[] {
  const entries: Entry[] = [];
  for (const name of names) {
    const facts = factsIn(name);
    // Removed between the two calls.
    if (facts === null) continue;
    const seen = facts.kind === 'symlink' ? targetOf(files, below(folder, name), facts) : facts;
    entries.push(entryOf(displayName(name), seen));
  }
  return entries;
}

/** What a symlink leads to; the link itself where that is outside, missing or a loop. */
function targetOf(files: RootedFolder, path: SystemPath, link: FileFacts): FileFacts {
  try {
    return files.targetFacts(path);
  } catch {
    return link;
  }
}

function requireFileOrDirectory(files: RootedFolder, path: SystemPath): void {
  const facts = files.facts(path);
  if (facts === null) throw new DomainError('path.not-found');
  const seen = facts.kind === 'symlink' ? targetOf(files, path, facts) : facts;
  if (seen.kind !== 'file' && seen.kind !== 'directory') throw new DomainError('path.not-regular');
}

function below(folder: SystemPath, latin1: string): SystemPath {
  const name = rawName(latin1);
  return folder.length === 0 ? name : joinPath(folder, name);
}

function displayName(latin1: string): string {
  const name = rawName(latin1);
  return typeof name === 'string' ? name : encodeName(name);
}

function refuseRoot(path: VirtualPath): void {
  if (path === '/') throw new DomainError('access.denied', { detail: 'The root cannot be changed' });
}

function unlessGone<T>(call: () => T): T | null {
  try {
    return call();
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null;
    throw error;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
