import type { Socket } from 'node:net';
import type { OpenFile } from '@quayside/storage';
import type { AsciiEncoder } from './ascii.js';
import type { BufferPool } from './buffer-pool.js';
import { LONGEST_PAUSE_MS, type Pace } from './rates.js';
import { StallTimer } from './stall-timer.js';
import { TransferFailure } from './transfer-failure.js';

export interface DownloadStreamOptions {
  readonly socket: Socket;
  readonly file: OpenFile;
  /** First byte of the file that is sent. */
  readonly start: number;
  readonly buffers: BufferPool;
  readonly encoder: AsciiEncoder | null;
  readonly pace: Pace;
  readonly stallMs: number;
  readonly signal: AbortSignal;
  /** Bytes that the client has taken so far. */
  readonly onProgress: (bytes: number) => void;
}

/** One buffer is read into while two are being written. */
const RING = 3;

/**
 * A file into its data connection: a ring of reused buffers, so that reading and writing overlap and the memory of a
 * transfer is the ring, whatever the size of the file and the speed of the client.
 */
export class DownloadStream {
  readonly #options: DownloadStreamOptions;
  readonly #stall: StallTimer;
  readonly #free: Buffer[] = [];
  #taken = 0;
  #writing = 0;
  #sentBytes = 0;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(options: DownloadStreamOptions) {
    this.#options = options;
    this.#stall = new StallTimer(options.stallMs, () => this.#fail(new TransferFailure('data.stalled', 'STALLED')));
  }

  /** Bytes of the wire (in ASCII: after conversion) that were handed to the client's connection. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Resolves when every byte is with the operating system; throws a TransferFailure or the signal's reason. */
  async run(): Promise<void> {
    const { socket, signal } = this.#options;
    const onAbort = (): void => this.#fail(signal.reason as Error);
    const onError = (cause: Error): void =>
      this.#fail(new TransferFailure('data.aborted', 'CONNECTION_RESET', { cause }));
    const onClose = (): void => this.#fail(new TransferFailure('data.aborted', 'CONNECTION_RESET'));
    socket.on('error', onError);
    socket.on('close', onClose);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    // What a client sends on a download has no meaning; unread it would hide its FIN from us.
    socket.resume();
    this.#stall.start();
    try {
      await this.#send();
    } finally {
      this.#stall.stop();
      signal.removeEventListener('abort', onAbort);
      socket.off('close', onClose);
      // A write that is under way still reads its buffer: what did not come back is left to the collector.
      for (const buffer of this.#free) this.#options.buffers.give(buffer);
    }
  }

  async #send(): Promise<void> {
    const { file, start, pace } = this.#options;
    let position = start;
    for (;;) {
      const buffer = await this.#buffer();
      const bytes = await file.read(buffer, 0, buffer.length, position);
      this.#throwIfFailed();
      if (bytes === 0) {
        this.#free.push(buffer);
        break;
      }
      position += bytes;
      this.#write(buffer, bytes);
      for (let waitMs = pace.take(bytes, performance.now()); waitMs > 0; waitMs = pace.waitMs(performance.now())) {
        await this.#sleep(Math.min(waitMs, LONGEST_PAUSE_MS));
        this.#throwIfFailed();
      }
    }
    while (this.#writing > 0) await this.#next();
    this.#throwIfFailed();
  }

  async #buffer(): Promise<Buffer> {
    for (;;) {
      this.#throwIfFailed();
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#taken < RING) {
        this.#taken++;
        return this.#options.buffers.take();
      }
      await this.#next();
    }
  }

  #write(buffer: Buffer, bytes: number): void {
    const { encoder, onProgress, socket } = this.#options;
    const content = encoder === null ? buffer.subarray(0, bytes) : encoder.push(buffer.subarray(0, bytes));
    this.#writing++;
    socket.write(content, (error) => {
      this.#writing--;
      this.#free.push(buffer);
      if (error === null || error === undefined) {
        this.#stall.touch();
        this.#sentBytes += content.length;
        onProgress(this.#sentBytes);
      }
      this.#awake();
    });
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #awake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  async #sleep(ms: number): Promise<void> {
    this.#stall.hold();
    const timer = setTimeout(() => this.#awake(), ms);
    const until = performance.now() + ms;
    // Finished writes wake us as well.
    while (this.#failure === null && performance.now() < until - 1) await this.#next();
    clearTimeout(timer);
    this.#stall.release();
  }

  #fail(failure: Error): void {
    if (this.#failure !== null) return;
    this.#failure = failure;
    this.#options.socket.destroy();
    this.#awake();
  }

  #throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}
