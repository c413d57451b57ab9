import { closeSync, constants, fstatSync, ftruncateSync } from 'node:fs';
import { DomainError, nameOf } from '@quayside/domain';
import { errorCode } from '@quayside/native';
import type { Abandoned, OpenWriteOptions, Published, StorageWriter, UploadTarget } from '../storage-backend.js';
import { asStorageError, translated } from '../storage-errors.js';
import { FileWriting } from './file-writing.js';
import { entryOf, requireFile } from './local-entry.js';
import { type LocalSpace, systemPath } from './local-space.js';
import { safeId, type StagingArea } from './staging-area.js';
import { directToken } from './upload-token.js';

/** Written before the first byte of a direct upload; it locks the path over all processes until `finish` or `abandon`. */
export interface DirectNote {
  readonly transferId: string;
  /** Size of the file before; null where the name was free. */
  readonly replacedBytes: number | null;
}

/** An upload that is written at its final name, visible as it grows. One per path at a time. */
export class DirectWriter implements StorageWriter {
  readonly startBytes: number;
  token = '';
  readonly #space: LocalSpace;
  readonly #staging: StagingArea;
  readonly #target: UploadTarget;
  readonly #replacedBytes: number | null;
  readonly #file: FileWriting;
  #state: 'open' | 'published' | 'abandoned' = 'open';

  private constructor(
    space: LocalSpace,
    staging: StagingArea,
    target: UploadTarget,
    opened: { readonly fd: number; readonly start: number; readonly replacedBytes: number | null },
  ) {
    this.#space = space;
    this.#staging = staging;
    this.#target = target;
    this.#replacedBytes = opened.replacedBytes;
    this.startBytes = opened.start;
    this.#file = new FileWriting(opened.fd, opened.start);
  }

  static open(space: LocalSpace, staging: StagingArea, target: UploadTarget, options: OpenWriteOptions): DirectWriter {
    const path = systemPath(target.path);
    const before = space.files.facts(path);
    if (before !== null) {
      if (options.intent === 'create') throw new DomainError('path.exists');
      requireFile(before.kind);
    }
    const replacedBytes = before?.size ?? null;
    const start = options.intent === 'append' ? (replacedBytes ?? 0) : options.intent === 'resume' ? options.start : 0;
    if (start > (replacedBytes ?? 0)) throw new DomainError('restart.beyond-end');
    const lock = staging.lockName(target.path);
    const note: DirectNote = { transferId: safeId(target.transferId), replacedBytes };
    if (!staging.writeNote(lock, note, 'exclusive')) throw new DomainError('path.busy');
    let fd = -1;
    try {
      const exclusive = before === null ? constants.O_CREAT | constants.O_EXCL : 0;
      const flags = constants.O_RDWR | constants.O_NOFOLLOW | exclusive;
      fd = space.files.open(path, flags, before === null ? space.options.fileMode : 0);
      requireFile(space.files.factsOfOpen(fd).kind);
      if (start < (replacedBytes ?? 0)) ftruncateSync(fd, start);
      return new DirectWriter(space, staging, target, { fd, start, replacedBytes });
    } catch (error) {
      if (fd !== -1) closeSync(fd);
      staging.folder.unlink(lock);
      // Somebody else made the file between check and open.
      throw errorCode(error) === 'EEXIST' ? new DomainError('path.busy', { cause: error }) : asStorageError(error);
    }
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
    this.token = directToken(this.bytes, this.#replacedBytes);
  }

  async publish(): Promise<Published> {
    if (this.#state !== 'open') throw new Error('This upload is published or abandoned already');
    const facts = translated(() => this.#space.files.factsOfOpen(this.#file.fd));
    this.#state = 'published';
    this.#file.close();
    return { entry: entryOf(nameOf(this.#target.path), facts), replacedBytes: this.#replacedBytes };
  }

  async finish(): Promise<null> {
    await this.#staging.drop(this.#staging.lockName(this.#target.path), 0);
    return null;
  }

  async abandon({ keep }: { readonly keep: boolean }): Promise<Abandoned> {
    if (this.#state !== 'open') return { keptBytes: 0, inPlace: null };
    this.#state = 'abandoned';
    const left = this.#leave(keep);
    this.#file.close();
    await this.finish();
    return left;
  }

  #leave(keep: boolean): Abandoned {
    try {
      if (!keep && this.#replacedBytes === null) {
        this.#space.files.unlink(systemPath(this.#target.path));
        return { keptBytes: 0, inPlace: null };
      }
      if (!keep) ftruncateSync(this.#file.fd, this.startBytes);
      else this.#file.trim();
    } catch {
      // What is there now is what counts.
    }
    const bytes = fstatSync(this.#file.fd).size;
    return { keptBytes: keep ? bytes : 0, inPlace: { bytes, replacedBytes: this.#replacedBytes } };
  }
}
