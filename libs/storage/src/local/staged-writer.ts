import { closeSync, constants, copyFile, fchmodSync, fstatSync, ftruncateSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { DomainError, nameOf, parentOf } from '@quayside/domain';
import { errorCode, type FileFacts, splitPath, type SystemPath } from '@quayside/native';
import type { Abandoned, OpenWriteOptions, Published, StorageWriter, UploadTarget } from '../storage-backend.js';
import { asStorageError, translated } from '../storage-errors.js';
import { FileWriting, syncFolder } from './file-writing.js';
import { entryOf, requireFile } from './local-entry.js';
import { type LocalSpace, systemPath } from './local-space.js';
import type { StagingArea } from './staging-area.js';
import { stagedToken } from './upload-token.js';

const copyFileAsync = promisify(copyFile);
const readAsync = promisify(read);

/** Times a publish starts over because the name changed hands between two kernel calls. */
const PUBLISH_ATTEMPTS = 64;
const COPY_BYTES = 1024 * 1024;

/** An upload whose bytes are invisible until publish switches the name. */
export class StagedWriter implements StorageWriter {
  readonly startBytes: number;
  token = '';
  readonly #space: LocalSpace;
  readonly #staging: StagingArea;
  readonly #target: UploadTarget;
  readonly #path: SystemPath;
  readonly #upload: string;
  readonly #create: boolean;
  readonly #claimed: boolean;
  readonly #file: FileWriting;
  #state: 'open' | 'published' | 'abandoned' = 'open';
  /** Of the sealed file; its name changes none of them. */
  #facts: FileFacts | null = null;
  /** The staged name that holds what was replaced. */
  #replaced: { readonly name: string; readonly bytes: number } | null = null;

  private constructor(
    space: LocalSpace,
    staging: StagingArea,
    target: UploadTarget,
    opened: { readonly fd: number; readonly bytes: number; readonly claimed: boolean; readonly create: boolean },
  ) {
    this.#space = space;
    this.#staging = staging;
    this.#target = target;
    this.#path = systemPath(target.path);
    this.#upload = staging.uploadName(target);
    this.#create = opened.create;
    this.#claimed = opened.claimed;
    this.startBytes = opened.bytes;
    this.#file = new FileWriting(opened.fd, opened.bytes);
  }

  static async open(
    space: LocalSpace,
    staging: StagingArea,
    target: UploadTarget,
    options: OpenWriteOptions,
  ): Promise<StagedWriter> {
    const create = options.intent === 'create';
    const opened = (fd: number, bytes: number, claimed: boolean) =>
      new StagedWriter(space, staging, target, { fd, bytes, claimed, create });
    const starts = options.intent === 'replace' || create;
    const committed = starts && options.looked === true ? null : space.files.facts(systemPath(target.path));
    if (committed !== null && !create) requireFile(committed.kind);
    if (starts) return opened(staging.create(staging.uploadName(target)), 0, false);

    if (staging.claim(target)) {
      const { fd, bytes } = openClaimed(staging, target, options);
      return opened(fd, bytes, true);
    }
    if (staging.isBusy(target)) throw new DomainError('path.busy');
    const size = committed?.size ?? 0;
    const start = options.intent === 'append' ? size : options.start;
    if (start > size) throw new DomainError('restart.beyond-end');
    return opened(await stageCopy(space, staging, target, start), start, false);
  }

  get bytes(): number {
    return this.#file.bytes;
  }

  get fd(): number {
    return this.#file.fd;
  }

  advance(bytes: number): void {
    this.#file.bytes += bytes;
  }

  write(chunks: readonly Uint8Array[]): Promise<void> {
    return this.#file.write(chunks);
  }

  readonly writeSync = (chunk: Uint8Array): void => this.#file.writeSync(chunk);

  async seal(options: { readonly sync: boolean }): Promise<void> {
    await this.#file.seal(options.sync);
    translated(() => {
      const { facts, identity } = this.#space.files.identityOf(this.#file.fd);
      this.#facts = facts;
      if (facts.size !== this.#file.bytes) {
        throw new DomainError('storage.unavailable', { cause: new Error('The staged file has not the size written') });
      }
      this.token = stagedToken(facts.size, identity);
    });
  }

  async publish(): Promise<Published> {
    const published = translated(() => this.#publish());
    if (this.#file.synced) await this.#syncParent();
    this.#file.close();
    return published;
  }

  async finish(): Promise<string | null> {
    if (this.#replaced !== null) await this.#staging.drop(this.#replaced.name, this.#replaced.bytes);
    try {
      const { path, accountId } = this.#target;
      const older = this.#staging.takePartial(path, accountId);
      if (older === null && this.#claimed) this.#staging.dropSidecar(this.#target);
      return older;
    } catch {
      // An older partial that stays expires with its time.
      return null;
    }
  }

  async abandon({ keep }: { readonly keep: boolean }): Promise<Abandoned> {
    const nothing = { keptBytes: 0, inPlace: null };
    if (this.#state !== 'open') return nothing;
    this.#state = 'abandoned';
    let keptBytes = 0;
    try {
      if (keep && (this.bytes > 0 || shadowsOlder(this.#space, this.#staging, this.#target))) {
        this.#file.trim();
        keptBytes = fstatSync(this.#file.fd).size;
        this.#staging.keep(this.#target, this.#upload);
      } else {
        await this.#staging.drop(this.#upload, this.bytes);
        if (this.#claimed) this.#staging.dropSidecar(this.#target);
      }
    } catch {
      keptBytes = 0;
      await this.#staging.drop(this.#upload, this.bytes);
    }
    this.#file.close();
    return keptBytes === 0 ? nothing : { keptBytes, inPlace: null };
  }

  #publish(): Published {
    if (this.#state !== 'open') throw new Error('This upload is published or abandoned already');
    if (this.#facts === null) throw new Error('This upload is not sealed');
    const replacedBytes = this.#switchName();
    this.#state = 'published';
    return { entry: entryOf(nameOf(this.#target.path), this.#facts), replacedBytes };
  }

  /** The heart of it: after this call the name has the new bytes, and staging holds exactly what it had before. */
  #switchName(): number | null {
    const staging = this.#staging.folder;
    const { files } = this.#space;
    for (let attempt = 0; attempt < PUBLISH_ATTEMPTS; attempt++) {
      if (staging.rename(this.#upload, files, this.#path, 'exclusive')) {
        this.#space.seenFolders.add(splitPath(this.#path)[0]);
        return null;
      }
      if (this.#create) throw new DomainError('path.exists');
      const old = files.facts(this.#path);
      if (old === null) continue;
      requireFile(old.kind);
      this.#takeMode(old);
      try {
        const replacedBytes = staging.exchanges ? this.#exchange() : this.#replacePortably();
        if (replacedBytes !== null) return replacedBytes;
      } catch (error) {
        // The name was deleted between the two calls: it is free now.
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
    throw new DomainError('path.busy');
  }

  /** Null where the file system cannot. */
  #exchange(): number | null {
    const staging = this.#staging.folder;
    const { files } = this.#space;
    if (!staging.rename(this.#upload, files, this.#path, 'exchange')) return null;
    const old = staging.facts(this.#upload)!;
    if (old.kind !== 'file') {
      // A directory took the name between check and exchange: give it back.
      staging.rename(this.#upload, files, this.#path, 'exchange');
      requireFile(old.kind);
    }
    this.#replaced = { name: this.#upload, bytes: old.size };
    return old.size;
  }

  /**
   * Without an atomic exchange the old file is kept by a hard link first. All of it runs in one turn of the loop, so it
   * is exact within a process; two processes that publish onto one name in the same instant may count a replaced file
   * twice or not at all, which the recount finds.
   */
  #replacePortably(): number {
    const staging = this.#staging.folder;
    const { files } = this.#space;
    const name = this.#upload.replace(/\.up$/, '.old');
    staging.unlink(name);
    try {
      files.link(this.#path, staging, name);
    } catch (error) {
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errorCode(error))) throw error;
      files.rename(this.#path, staging, name, 'replace');
    }
    const bytes = staging.facts(name)!.size;
    staging.rename(this.#upload, files, this.#path, 'replace');
    this.#replaced = { name, bytes };
    return bytes;
  }

  /** An overwrite keeps the permission bits that the client set on the file before. */
  #takeMode(old: FileFacts): void {
    if (this.#facts!.mode === old.mode) return;
    fchmodSync(this.#file.fd, old.mode & 0o777);
    this.#facts = this.#space.files.factsOfOpen(this.#file.fd);
  }

  /** The new name is on the disk too before the client is told so. */
  async #syncParent(): Promise<void> {
    const parent = systemPath(parentOf(this.#target.path));
    let fd: number;
    try {
      fd = this.#space.files.open(parent, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch {
      // The folder was renamed or removed meanwhile, with our file in it.
      return;
    }
    await syncFolder(fd);
  }
}

function openClaimed(
  staging: StagingArea,
  target: UploadTarget,
  options: OpenWriteOptions,
): { readonly fd: number; readonly bytes: number } {
  let fd = -1;
  try {
    fd = staging.folder.open(staging.uploadName(target), constants.O_RDWR);
    const { size } = fstatSync(fd);
    const bytes = options.intent === 'append' ? size : options.start;
    if (bytes > size) throw new DomainError('restart.beyond-end');
    if (bytes < size) ftruncateSync(fd, bytes);
    return { fd, bytes };
  } catch (error) {
    if (fd !== -1) closeSync(fd);
    staging.unclaim(target);
    throw asStorageError(error);
  }
}

/** A staged file that starts with the first `bytes` bytes of the committed one, shared on disk where that can be. */
async function stageCopy(
  space: LocalSpace,
  staging: StagingArea,
  target: UploadTarget,
  bytes: number,
): Promise<number> {
  const name = staging.uploadName(target);
  const fd = staging.create(name);
  if (bytes === 0) return fd;
  let source = -1;
  try {
    source = space.files.open(systemPath(target.path), constants.O_RDONLY | constants.O_NOFOLLOW);
    const facts = space.files.factsOfOpen(source);
    requireFile(facts.kind);
    if (facts.size < bytes) throw new DomainError('restart.beyond-end');
    if (!(facts.size === bytes && (await cloned(source, fd, bytes)))) await copyBytes(source, fd, bytes);
    return fd;
  } catch (error) {
    closeSync(fd);
    await staging.drop(name, 0);
    throw asStorageError(error);
  } finally {
    if (source !== -1) closeSync(source);
  }
}

/** Copy by the kernel (reflink, copy_file_range) through the magic links of both descriptors; false where there are none. */
async function cloned(source: number, target: number, bytes: number): Promise<boolean> {
  try {
    await copyFileAsync(`/proc/self/fd/${source}`, `/proc/self/fd/${target}`, constants.COPYFILE_FICLONE);
    if (fstatSync(target).size === bytes) return true;
  } catch (error) {
    if (['ENOSPC', 'EDQUOT', 'EIO'].includes(errorCode(error))) throw error;
  }
  ftruncateSync(target, 0);
  return false;
}

async function copyBytes(source: number, target: number, bytes: number): Promise<void> {
  const file = new FileWriting(target, 0);
  const buffer = Buffer.allocUnsafe(Math.min(bytes, COPY_BYTES));
  while (file.bytes < bytes) {
    const wanted = Math.min(buffer.length, bytes - file.bytes);
    const { bytesRead } = await readAsync(source, buffer, 0, wanted, file.bytes);
    if (bytesRead === 0) throw new DomainError('restart.beyond-end');
    await file.write([buffer.subarray(0, bytesRead)]);
  }
}

/**
 * Whether a name has older bytes that a client could take for those of its cut upload. Then even an empty partial is
 * kept: SIZE says 0, and a resume does not append the new file to the old one.
 */
export function shadowsOlder(space: LocalSpace, staging: StagingArea, { path, accountId }: UploadTarget): boolean {
  return space.files.facts(systemPath(path))?.kind === 'file' || staging.partial(path, accountId) !== null;
}
