import type { Hash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { canMoveToFile, type Moved, moveToFile } from '@quayside/native';
import type { StorageWriter } from '@quayside/storage';
import type { QuotaLease } from '../ports.js';
import type { AsciiDecoder } from './ascii.js';
import type { ByteSink, ByteSource } from './byte-source.js';
import { LONGEST_PAUSE_MS, type Pace } from './rates.js';
import { StallTimer } from './stall-timer.js';
import { TransferFailure } from './transfer-failure.js';

export interface UploadStreamOptions {
  readonly source: ByteSource;
  readonly writer: StorageWriter;
  readonly lease: QuotaLease;
  /** TYPE A: what arrives is converted before anything counts it. */
  readonly decoder: AsciiDecoder | null;
  /** Fed with every stored byte, in order. */
  readonly hash: Hash | null;
  readonly pace: Pace;
  readonly stallMs: number;
  /** Largest file that the policy allows; null for any. */
  readonly maxBytes: () => number | null;
  readonly signal: AbortSignal;
  /** Bytes stored by this transfer so far. */
  readonly onProgress: (bytes: number) => void;
  /** Cores that this process may use; those of the machine by default. */
  readonly cores?: () => number;
  /** How long a write took that began at `startedAtMs`, in milliseconds of `performance.now()`. */
  readonly writeMs?: (startedAtMs: number) => number;
}

/** A write starts when this much has come. */
const GATHER_BYTES = 256 * 1024;
/** Reading stops while this much waits behind a write, and goes on below half of it. */
const HIGH_WATER_BYTES = 1024 * 1024;
/** Bytes of a slow upload do not stay in memory longer than this before they are written. */
const FLUSH_AFTER_MS = 1000;
/** So much is moved from the connection to the file before others have their turn, and where a limit is to be kept. */
const MOVE_BYTES = 1024 * 1024;
const LIMITED_MOVE_BYTES = 256 * 1024;
/** Where less than this had come, the client is slower than we are, and is waited for. */
const LEAST_MOVED_BYTES = 64 * 1024;
/** Up to this size a whole file is written without a thread-pool hop, where the backend can. */
const SYNC_WRITE_BYTES = 64 * 1024;
/** A large write without a hop that took longer shows a disk that is behind: then others would wait for it too. */
const SLOW_WRITE_MS = 5;
const STUCK_WRITE_MS = 50;
/** So much goes by way of the thread pool before the disk is tried again. */
const BEHIND_BYTES = 64 * 1024 * 1024;
/** The quota is asked for this much more, ahead of need; each grant doubles the next one. */
const FIRST_STEP_BYTES = 4 * 1024 * 1024;
const LAST_STEP_BYTES = 256 * 1024 * 1024;

/**
 * The bytes of one upload from its data connection into its writer, with flat memory: what arrives is gathered, charged
 * to the quota before it is written, hashed on the way and written in large pieces. Ends with the peer's FIN, or with the
 * first thing that goes wrong.
 */
export class UploadStream implements ByteSink {
  readonly #options: UploadStreamOptions;
  readonly #stall: StallTimer;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #storedBytes = 0;
  #receivedBytes = 0;
  #ended = false;
  #endWaits = false;
  #failure: Error | null = null;
  #pumping: Promise<void> | null = null;
  #paused = false;
  #throttleTimer: NodeJS.Timeout | null = null;
  #lastWriteMs = 0;
  #extension: Promise<void> | null = null;
  #lookAhead: AbortController | null = null;
  #stepBytes = FIRST_STEP_BYTES;
  /** The quota gave nothing ahead of need: it is asked for what has come only. */
  #quotaEnds = false;
  #settle: (() => void) | null = null;
  /** The disk was behind: until so much is stored a thread writes, so that nobody else waits for it. */
  #behindUntil = 0;
  #wasSlow = false;
  /** Null until it is asked. */
  #mayMove: boolean | null = null;

  constructor(options: UploadStreamOptions) {
    this.#options = options;
    this.#stall = new StallTimer(options.stallMs, () => this.#fail(new TransferFailure('data.stalled', 'STALLED')));
  }

  /** Resolves at a graceful end of the data, everything written; throws a TransferFailure or the signal's reason. */
  async run(): Promise<void> {
    const { source, signal } = this.#options;
    this.#lastWriteMs = performance.now();
    const onAbort = (): void => this.#fail(signal.reason as Error);
    await new Promise<void>((resolve) => {
      this.#settle = resolve;
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#stall.start();
      source.start(this);
    });
    signal.removeEventListener('abort', onAbort);
    this.#stall.stop();
    if (this.#throttleTimer !== null) clearTimeout(this.#throttleTimer);
    if (this.#pumping !== null) await this.#pumping;
    // What the ledger granted after the commit would be reserved for nobody.
    this.#lookAhead?.abort();
    if (this.#extension !== null) await this.#extension;
    source.stop();
    if (this.#failure !== null) await this.#saveWhatCame(this.#failure);
    source.release();
    if (this.#failure !== null) throw this.#failure;
  }

  /** Bytes of this transfer that are stored. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Bytes that came, before any conversion. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  onData(chunk: Buffer): void {
    if (this.#failure !== null) return;
    const nowMs = performance.now();
    this.#stall.touch(nowMs);
    this.#receivedBytes += chunk.length;
    const bytes = this.#options.decoder === null ? chunk : this.#options.decoder.push(chunk);
    if (bytes.length > 0) {
      this.#append(bytes);
      this.#pendingBytes += bytes.length;
    }
    this.#slowDown(chunk.length, nowMs);
    if (this.#failure !== null) return;
    if (this.#pumping === null) {
      if (this.#pendingBytes >= GATHER_BYTES || nowMs - this.#lastWriteMs > FLUSH_AFTER_MS) this.#pump();
    } else if (this.#pendingBytes >= HIGH_WATER_BYTES && !this.#paused) this.#pause();
  }

  /** Reads that lie side by side in the ring become one chunk again. */
  #append(bytes: Uint8Array): void {
    const last = this.#options.source.reusesMemory ? this.#pending.at(-1) : undefined;
    if (last?.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset) {
      this.#pending.pop();
      this.#pending.push(new Uint8Array(bytes.buffer, last.byteOffset, last.length + bytes.length));
    } else this.#pending.push(bytes);
  }

  onEnd(): void {
    if (this.#failure !== null) return;
    if (this.#options.source.endedByReset()) {
      this.#fail(new TransferFailure('data.aborted', 'CONNECTION_RESET'));
      return;
    }
    if (this.#throttleTimer !== null) {
      // Node reports the end of a paused socket too; small files must wait like large ones.
      this.#endWaits = true;
      return;
    }
    const held = this.#options.decoder?.end() ?? null;
    if (held !== null) {
      this.#pending.push(held);
      this.#pendingBytes += held.length;
    }
    this.#ended = true;
    this.#stall.stop();
    if (this.#pumping === null) this.#pump();
  }

  onError(cause: Error): void {
    this.#fail(new TransferFailure('data.aborted', 'CONNECTION_RESET', { cause }));
  }

  onClose(): void {
    if (!this.#ended && !this.#endWaits) this.#fail(new TransferFailure('data.aborted', 'CONNECTION_RESET'));
  }

  #fail(failure: Error): void {
    if (this.#failure !== null || this.#settle === null) return;
    this.#failure = failure;
    this.#finish();
    this.#options.source.destroy();
  }

  #finish(): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.();
  }

  #pause(): void {
    this.#paused = true;
    this.#stall.hold();
    this.#options.source.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#throttleTimer !== null || this.#pendingBytes >= HIGH_WATER_BYTES / 2) return;
    this.#paused = false;
    this.#stall.release();
    this.#options.source.resume();
  }

  #slowDown(bytes: number, nowMs: number): void {
    try {
      const waitMs = this.#options.pace.take(bytes, nowMs);
      if (waitMs > 0 && this.#throttleTimer === null) this.#wait(waitMs);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #wait(waitMs: number): void {
    if (!this.#paused) this.#pause();
    this.#throttleTimer = setTimeout(() => this.#waited(), Math.min(waitMs, LONGEST_PAUSE_MS));
  }

  #waited(): void {
    this.#throttleTimer = null;
    if (this.#failure !== null) return;
    try {
      const waitMs = this.#options.pace.waitMs(performance.now());
      if (waitMs > 0) this.#wait(waitMs);
      else if (this.#endWaits) this.onEnd();
      else this.#resume();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #pump(): void {
    const small = this.#wholeSmallFile();
    if (small !== null) {
      this.#storeSmall(small);
      return;
    }
    this.#pumping = this.#writeOut()
      .catch((error: unknown) => this.#fail(error as Error))
      .finally(() => {
        this.#pumping = null;
        if (this.#failure !== null) return;
        // More, and the end, may have come after the last look at what waits.
        if (this.#isDue()) this.#pump();
        else if (this.#ended) this.#finish();
        else this.#move();
      });
  }

  /** The content of a small file that has come completely before anything was written; null where that is not so. */
  #wholeSmallFile(): Uint8Array | null {
    if (!this.#ended || this.#storedBytes > 0 || this.#pendingBytes > SYNC_WRITE_BYTES) return null;
    const { writer, lease, maxBytes } = this.#options;
    const total = writer.bytes + this.#pendingBytes;
    if (writer.writeSync === null || total > lease.coveredBytes || total > (maxBytes() ?? Infinity)) return null;
    if (this.#pending.length === 1) return this.#pending[0]!;
    return this.#pendingBytes === 0 ? new Uint8Array() : Buffer.concat(this.#pending);
  }

  #storeSmall(content: Uint8Array): void {
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      if (content.length > 0) {
        this.#options.hash?.update(content);
        this.#options.writer.writeSync!(content);
        this.#options.source.wrote(content.length);
        this.#stored(content.length);
      }
      this.#finish();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  async #writeOut(): Promise<void> {
    while (this.#failure === null && this.#isDue()) {
      const chunks = this.#pending;
      const bytes = this.#pendingBytes;
      this.#pending = [];
      this.#pendingBytes = 0;
      const limit = await this.#limitFor(this.#options.writer.bytes + bytes);
      await this.#store(limit.bytes < bytes ? cut(chunks, limit.bytes) : chunks, Math.min(limit.bytes, bytes));
      if (limit.bytes < bytes) throw limit.failure();
      if (!this.#ended) this.#resume();
    }
  }

  #isDue(): boolean {
    if (this.#pendingBytes === 0) return false;
    return this.#ended || this.#pendingBytes >= GATHER_BYTES || performance.now() - this.#lastWriteMs > FLUSH_AFTER_MS;
  }

  async #store(chunks: readonly Uint8Array[], bytes: number): Promise<void> {
    if (bytes === 0) return;
    const { hash, writer } = this.#options;
    if (this.#isInline) this.#storeInline(chunks);
    else {
      const writing = writer.write(chunks);
      // Hashing overlaps the write, which runs on another thread.
      if (hash !== null) for (const chunk of chunks) hash.update(chunk);
      await writing;
    }
    this.#options.source.wrote(bytes);
    this.#stored(bytes);
  }

  /** Large writes need no thread: with one core, one would only take turns with this one. */
  get #isInline(): boolean {
    const { writer, cores = availableParallelism } = this.#options;
    if (writer.writeSync === null || this.#storedBytes < this.#behindUntil) return false;
    return this.#moves || cores() === 1;
  }

  /** Bytes may go from the connection to the file without anybody's having a look at them. */
  get #moves(): boolean {
    const { source, writer, hash, decoder } = this.#options;
    this.#mayMove ??=
      hash === null && decoder === null && source.descriptor !== null && writer.fd !== null && canMoveToFile();
    return this.#mayMove;
  }

  /** They may, and the disk is not behind. */
  get #movesNow(): boolean {
    return this.#moves && this.#isInline;
  }

  /** What came behind what has been written goes to the file without entering the process, for as long as more comes. */
  #move(): void {
    if (!this.#movesNow || this.#pendingBytes > 0 || this.#paused || !this.#moveOnce()) return;
    this.#options.source.pause();
    setImmediate(this.#moveOn);
  }

  readonly #moveOn = (): void => {
    if (this.#settle === null) return;
    if (this.#moveOnce()) setImmediate(this.#moveOn);
    else if (this.#failure === null && !this.#paused) this.#options.source.resume();
  };

  /** Whether it is likely that more has come. */
  #moveOnce(): boolean {
    try {
      return this.#moveSome();
    } catch (error) {
      this.#fail(error as Error);
      return false;
    }
  }

  #moveSome(): boolean {
    const { source, writer, lease, maxBytes, pace } = this.#options;
    const room = Math.min(lease.coveredBytes, maxBytes() ?? Infinity) - writer.bytes;
    const most = Math.min(room, pace.isFree ? MOVE_BYTES : LIMITED_MOVE_BYTES);
    const { descriptor } = source;
    // What is left of quota or cap is used up by the way that knows what to say at its end.
    if (descriptor === null || most < LIMITED_MOVE_BYTES) return false;
    const startedAtMs = performance.now();
    let moved: Moved | null;
    try {
      moved = moveToFile(descriptor, writer.fd!, writer.bytes, most);
    } catch (error) {
      this.onError(error as Error);
      return false;
    }
    if (moved === null) {
      this.#mayMove = false;
      return false;
    }
    const nowMs = performance.now();
    const { bytes, rest } = moved;
    if (bytes > 0) {
      writer.advance(bytes);
      this.#moved(bytes, nowMs);
      this.#lookAt(this.#writeMs(startedAtMs));
    }
    if (rest !== null) this.#takeBack(rest, nowMs);
    return this.#failure === null && this.#throttleTimer === null && this.#movesNow && bytes >= LEAST_MOVED_BYTES;
  }

  #moved(bytes: number, nowMs: number): void {
    this.#stall.touch(nowMs);
    this.#receivedBytes += bytes;
    this.#stored(bytes);
    this.#askAhead(this.#options.writer.bytes);
    this.#slowDown(bytes, nowMs);
  }

  /** The file does not take them like this: by the usual way from now on, which also says what is wrong. */
  #takeBack(rest: Buffer, nowMs: number): void {
    this.#mayMove = false;
    this.#options.writer.writeSync!(rest);
    this.#moved(rest.length, nowMs);
  }

  #storeInline(chunks: readonly Uint8Array[]): void {
    const { hash, writer } = this.#options;
    let slowestMs = 0;
    for (const chunk of chunks) {
      hash?.update(chunk);
      const startedAtMs = performance.now();
      writer.writeSync!(chunk);
      slowestMs = Math.max(slowestMs, this.#writeMs(startedAtMs));
    }
    this.#lookAt(slowestMs);
  }

  #writeMs(startedAtMs: number): number {
    return this.#options.writeMs?.(startedAtMs) ?? performance.now() - startedAtMs;
  }

  /** One slow write alone may be another process that had its turn on the core; nobody has it for so long. */
  #lookAt(writeMs: number): void {
    const slow = writeMs > SLOW_WRITE_MS;
    if ((slow && this.#wasSlow) || writeMs > STUCK_WRITE_MS) this.#behindUntil = this.#storedBytes + BEHIND_BYTES;
    this.#wasSlow = slow;
  }

  #stored(bytes: number): void {
    this.#storedBytes += bytes;
    this.#lastWriteMs = performance.now();
    this.#options.onProgress(this.#storedBytes);
  }

  /** How many bytes may be written so that the file is at most `total`, and what to say where that is not enough. */
  async #limitFor(total: number): Promise<{ bytes: number; failure: () => TransferFailure }> {
    const { lease, maxBytes, writer } = this.#options;
    const wanted = total - writer.bytes;
    const capped = Math.max(0, Math.min(total, maxBytes() ?? Infinity) - writer.bytes);
    const needed = writer.bytes + capped;
    while (needed > lease.coveredBytes) {
      if (this.#extension !== null) {
        await this.#extension;
        continue;
      }
      const covered = await lease.extend(this.#aheadOf(needed), needed);
      if (covered < needed) {
        return {
          bytes: Math.max(0, covered - writer.bytes),
          failure: () => new TransferFailure('quota.exceeded', 'QUOTA'),
        };
      }
    }
    if (capped < wanted) {
      return { bytes: capped, failure: () => new TransferFailure('quota.file-too-large', 'FILE_TOO_LARGE') };
    }
    this.#askAhead(total);
    return { bytes: wanted, failure: () => new TransferFailure('quota.exceeded', 'QUOTA') };
  }

  /** Ask for the next piece of quota while the present one is still being used. */
  #askAhead(total: number): void {
    const { lease } = this.#options;
    const enough = lease.coveredBytes - total >= this.#stepBytes / 2;
    if (enough || this.#extension !== null || this.#quotaEnds) return;
    const asked = this.#aheadOf(total);
    if (asked <= lease.coveredBytes) return;
    this.#lookAhead = new AbortController();
    this.#extension = this.#await(lease.extend(asked, total, this.#lookAhead.signal), lease.coveredBytes);
  }

  /** Up to where the quota is asked when a file of `total` bytes has come. */
  #aheadOf(total: number): number {
    const asked = Math.min(total + this.#stepBytes, Math.max(total, this.#options.maxBytes() ?? Infinity));
    this.#stepBytes = Math.min(this.#stepBytes * 2, LAST_STEP_BYTES);
    return asked;
  }

  /** Never rejects: what went wrong shows when the bytes are needed and the quota is asked again. */
  async #await(answer: Promise<number>, coveredBefore: number): Promise<void> {
    try {
      if ((await answer) <= coveredBefore) this.#quotaEnds = true;
    } catch {
      // Asked again when the bytes are needed.
    }
    this.#extension = null;
  }

  /** After a failure from outside, what had already come is worth writing for the resume. */
  async #saveWhatCame(failure: Error): Promise<void> {
    const { lease, writer } = this.#options;
    const bytes = Math.min(this.#pendingBytes, lease.coveredBytes - writer.bytes);
    const storageIsFine = !(failure instanceof TransferFailure) || failure.resumable;
    if (bytes <= 0 || !storageIsFine) return;
    try {
      await writer.write(cut(this.#pending, bytes));
      this.#storedBytes += bytes;
    } catch {
      // The reason of the failure stands; what was written before is kept.
    }
  }
}

/** The first `bytes` bytes of chunks. */
function cut(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  let left = bytes;
  for (const chunk of chunks) {
    if (left <= 0) break;
    out.push(chunk.length <= left ? chunk : chunk.subarray(0, left));
    left -= chunk.length;
  }
  return out;
}
