import { closeSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Entry, OpenFile } from '../storage-backend.js';
import { asStorageError } from '../storage-errors.js';

const readAsync = promisify(read);

/** A committed file open for reading; it stays readable when its name is replaced or removed meanwhile. */
export class LocalFile implements OpenFile {
  readonly entry: Entry;
  readonly fd: number;
  #open = true;

  constructor(fd: number, entry: Entry) {
    this.fd = fd;
    this.entry = entry;
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    try {
      return (await readAsync(this.fd, buffer, offset, length, position)).bytesRead;
    } catch (error) {
      throw asStorageError(error);
    }
  }

  readonly readSync = (buffer: Uint8Array, offset: number, length: number, position: number): number => {
    try {
      return readSync(this.fd, buffer, offset, length, position);
    } catch (error) {
      throw asStorageError(error);
    }
  };

  close(): Promise<void> {
    if (this.#open) {
      this.#open = false;
      closeSync(this.fd);
    }
    return Promise.resolve();
  }
}
