import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { segmentPath } from './spool-segments.js';

/** Trying to take a spare file costs a write of its size, so not on every question. */
const SPARE_RETRY_MS = 1_000;

/**
 * The segment that is appended to. A spare file is given up when the disk is full, so that what was promised before
 * can still be recorded.
 */
export class SegmentWriter {
  private fd: number;
  private size: number;
  private unsynced = false;
  private syncing = false;
  private readonly retired: number[] = [];
  private waiters: { resolve(): void; reject(error: unknown): void }[] = [];
  private readonly sparePath: string;
  private spare = false;
  private nextSpareAttemptMs = 0;

  constructor(
    private readonly folder: string,
    private number: number,
    private readonly spareBytes: number,
  ) {
    this.fd = openSync(segmentPath(folder, number), 'a', 0o600);
    this.size = fstatSync(this.fd).size;
    this.sparePath = join(folder, 'spare');
    this.restoreSpare();
    syncFolder(folder);
  }

  get segment(): number {
    return this.number;
  }

  get offset(): number {
    return this.size;
  }

  /** Whether there is room left for what has been promised; false since the disk was found full. */
  get hasSpare(): boolean {
    return this.spare;
  }

  /** Write all of `bytes` or nothing. Throws what the operating system says. */
  write(bytes: Buffer): void {
    try {
      this.writeWhole(bytes);
    } catch (error) {
      if (!this.spare || !isDiskFull(error)) throw error;
      this.spare = false;
      this.nextSpareAttemptMs = performance.now() + SPARE_RETRY_MS;
      rmSync(this.sparePath, { force: true });
      this.writeWhole(bytes);
    }
  }

  /** Resolves when everything written so far is on the disk; calls that come while one runs share the next. */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiters.push({ resolve, reject });
      if (!this.syncing) this.runSync();
    });
  }

  /** The same without a thread-pool hop. */
  syncNow(): void {
    fdatasyncSync(this.fd);
    this.unsynced = false;
  }

  /** Go on in the next segment; the present one is on the disk then. */
  rotate(): void {
    const next = openSync(segmentPath(this.folder, this.number + 1), 'a', 0o600);
    if (this.unsynced) fdatasyncSync(this.fd);
    if (this.syncing) this.retired.push(this.fd);
    else closeSync(this.fd);
    this.fd = next;
    this.number++;
    this.size = 0;
    this.unsynced = false;
    syncFolder(this.folder);
  }

  /** Take the spare room back once the disk has it; true where it is there. */
  restoreSpare(): boolean {
    if (this.spare) return true;
    const nowMs = performance.now();
    if (nowMs < this.nextSpareAttemptMs) return false;
    this.nextSpareAttemptMs = nowMs + SPARE_RETRY_MS;
    try {
      if (statSync(this.sparePath, { throwIfNoEntry: false })?.size !== this.spareBytes) {
        // Real bytes: a sparse file would reserve nothing. `flush`, because delayed allocation may lack the room later.
        writeFileSync(this.sparePath, Buffer.alloc(this.spareBytes, 0x20), { mode: 0o600, flush: true });
      }
      this.spare = true;
    } catch (error) {
      rmSync(this.sparePath, { force: true });
      if (!isDiskFull(error)) throw error;
    }
    return this.spare;
  }

  close(): void {
    if (this.unsynced) fdatasyncSync(this.fd);
    if (this.syncing) this.retired.push(this.fd);
    else closeSync(this.fd);
    rmSync(this.sparePath, { force: true });
  }

  private writeWhole(bytes: Buffer): void {
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.fd, bytes, written);
    } catch (error) {
      if (written > 0) ftruncateSync(this.fd, this.size);
      throw error;
    }
    this.size += written;
    this.unsynced = true;
  }

  private runSync(): void {
    this.syncing = true;
    this.unsynced = false;
    const waiters = this.waiters;
    this.waiters = [];
    fdatasync(this.fd, (error) => {
      this.syncing = false;
      if (error !== null) this.unsynced = true;
      for (const fd of this.retired.splice(0)) closeSync(fd);
      for (const waiter of waiters) {
        if (error === null) waiter.resolve();
        else waiter.reject(error);
      }
      if (this.waiters.length > 0) this.runSync();
    });
  }
}

export function isDiskFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** The folder's names are on the disk, too. */
function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
