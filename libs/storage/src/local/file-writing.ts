import { closeSync, fdatasync, fstatSync, fsync, ftruncateSync, writeSync, writev } from 'node:fs';
import { promisify } from 'node:util';
import { DomainError } from '@quayside/domain';
import { asStorageError } from '../storage-errors.js';

const writevAsync = promisify(writev);
const fdatasyncAsync = promisify(fdatasync);
const fsyncAsync = promisify(fsync);

/** The descriptor half of a writer: bytes go to the end, in order. */
export class FileWriting {
  readonly fd: number;
  bytes: number;
  synced = false;
  #closed = false;

  constructor(fd: number, bytes: number) {
    this.fd = fd;
    this.bytes = bytes;
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    let rest = chunks.filter((chunk) => chunk.length > 0);
    while (rest.length > 0) {
      let written: number;
      try {
        ({ bytesWritten: written } = await writevAsync(this.fd, rest, this.bytes));
      } catch (error) {
        throw asStorageError(error);
      }
      if (written === 0) throw new DomainError('storage.unavailable', { cause: new Error('A write wrote nothing') });
      this.bytes += written;
      rest = unwritten(rest, written);
    }
  }

  writeSync(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.length) {
      let written: number;
      try {
        written = writeSync(this.fd, chunk, offset, chunk.length - offset, this.bytes);
      } catch (error) {
        throw asStorageError(error);
      }
      if (written === 0) throw new DomainError('storage.unavailable', { cause: new Error('A write wrote nothing') });
      this.bytes += written;
      offset += written;
    }
  }

  async seal(sync: boolean): Promise<void> {
    if (!sync) return;
    try {
      await fdatasyncAsync(this.fd);
      this.synced = true;
    } catch (error) {
      throw asStorageError(error);
    }
  }

  /** Cut off what a fast path wrote and did not account for. */
  trim(): void {
    if (fstatSync(this.fd).size > this.bytes) ftruncateSync(this.fd, this.bytes);
  }

  /** Synchronous: a hop to the thread pool costs more than closing a local file. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      closeSync(this.fd);
    } catch {
      // Late write errors show at fdatasync; a close has nothing left to undo.
    }
  }
}

/** Make a changed folder durable. */
export async function syncFolder(fd: number): Promise<void> {
  try {
    await fsyncAsync(fd);
  } catch (error) {
    throw asStorageError(error);
  } finally {
    closeSync(fd);
  }
}

function unwritten(chunks: readonly Uint8Array[], written: number): Uint8Array[] {
  let skip = written;
  const rest: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (skip >= chunk.length) skip -= chunk.length;
    else {
      rest.push(chunk.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}
