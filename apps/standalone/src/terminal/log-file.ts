import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const MAX_BYTES = 20 * 1024 * 1024;
const KEPT_FILES = 5;

/** The one log of the installation: lines of JSON, in files of bounded size and number. */
export class LogFile {
  private fd: number;
  private size: number;

  constructor(
    readonly path: string,
    private readonly maxBytes = MAX_BYTES,
    private readonly keptFiles = KEPT_FILES,
  ) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    [this.fd, this.size] = this.open();
  }

  write(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.size > 0 && this.size + bytes.length > this.maxBytes) this.rotate();
    this.size += bytes.length;
    try {
      writeSync(this.fd, bytes);
    } catch {
      // A full disk must not end the installation that a person needs to make room.
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  private open(): [number, number] {
    const fd = openSync(this.path, 'a', 0o600);
    return [fd, fstatSync(fd).size];
  }

  /** quayside.log → quayside.log.1 → … ; the oldest goes. */
  private rotate(): void {
    closeSync(this.fd);
    rmSync(`${this.path}.${this.keptFiles}`, { force: true });
    for (let age = this.keptFiles - 1; age >= 0; age -= 1) {
      const from = age === 0 ? this.path : `${this.path}.${age}`;
      try {
        renameSync(from, `${this.path}.${age + 1}`);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    [this.fd, this.size] = this.open();
  }
}
