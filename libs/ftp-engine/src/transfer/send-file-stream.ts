import type { Socket } from 'node:net';
import { hasSendFile, sendFile } from '@quayside/native';
import { LONGEST_PAUSE_MS, type Pace } from './rates.js';
import { descriptorOf } from './socket-descriptor.js';
import { StallTimer } from './stall-timer.js';
import { TransferFailure } from './transfer-failure.js';

export interface SendFileStreamOptions {
  /** In clear, with nothing queued. */
  readonly socket: Socket;
  readonly fileFd: number;
  readonly start: number;
  readonly length: number;
  readonly pace: Pace;
  readonly stallMs: number;
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number) => void;
}

/** What goes out before limits are looked at again: with a quarter of it, a fast client costs a sixth more. */
const PIECE_BYTES = 4 * 1024 * 1024;
const LIMITED_PIECE_BYTES = 256 * 1024;

/** The descriptor under a plain socket; null where sendfile cannot be used on it. */
export function sendFileDescriptorOf(socket: Socket): number | null {
  return hasSendFile() ? descriptorOf(socket) : null;
}

/** A file into its data connection without its bytes entering the process; metered, throttled and watched like any other. */
export class SendFileStream {
  readonly #options: SendFileStreamOptions;
  readonly #stop = new AbortController();
  readonly #stall: StallTimer;
  #sentBytes = 0;

  constructor(options: SendFileStreamOptions) {
    this.#options = options;
    this.#stall = new StallTimer(options.stallMs, () => this.#fail(new TransferFailure('data.stalled', 'STALLED')));
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Resolves when every byte is with the operating system; throws a TransferFailure or the signal's reason. */
  async run(): Promise<void> {
    const { socket, signal, fileFd, start, length, pace } = this.#options;
    const onAbort = (): void => this.#fail(signal.reason as Error);
    const onError = (cause: Error): void => this.#fail(reset(cause));
    const onClose = (): void => this.#fail(reset());
    socket.on('error', onError).on('close', onClose);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    socket.resume();
    this.#stall.start();
    try {
      this.#stop.signal.throwIfAborted();
      const socketFd = sendFileDescriptorOf(socket);
      if (socketFd === null) throw reset();
      await sendFile({
        socketFd,
        fileFd,
        start,
        length,
        signal: this.#stop.signal,
        onProgress: (bytes) => this.#sent(bytes),
        pieceBytes: pace.isFree ? PIECE_BYTES : LIMITED_PIECE_BYTES,
      });
      this.#stop.signal.throwIfAborted();
    } catch (error) {
      socket.destroy();
      throw this.#stop.signal.aborted ? this.#stop.signal.reason : asFailure(error);
    } finally {
      this.#stall.stop();
      signal.removeEventListener('abort', onAbort);
      socket.off('close', onClose);
    }
  }

  #sent(bytes: number): Promise<void> | undefined {
    this.#sentBytes += bytes;
    this.#stall.touch();
    this.#options.onProgress(this.#sentBytes);
    const waitMs = this.#options.pace.take(bytes, performance.now());
    return waitMs > 0 ? this.#rest(waitMs) : undefined;
  }

  async #rest(firstMs: number): Promise<void> {
    const { pace } = this.#options;
    for (let ms = firstMs; ms > 0 && !this.#stop.signal.aborted; ms = pace.waitMs(performance.now())) {
      await this.#sleep(Math.min(ms, LONGEST_PAUSE_MS));
    }
  }

  async #sleep(ms: number): Promise<void> {
    this.#stall.hold();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#stop.signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
    this.#stall.release();
  }

  #fail(failure: Error): void {
    this.#stop.abort(failure);
  }
}

function reset(cause?: unknown): TransferFailure {
  return new TransferFailure('data.aborted', 'CONNECTION_RESET', { cause });
}

/** An error of the disk is the storage's, any other is the connection's. */
function asFailure(error: unknown): Error {
  if (error instanceof TransferFailure) return error;
  if ((error as { readonly code?: unknown }).code === 'EIO') {
    return new TransferFailure('storage.unavailable', 'STORAGE_ERROR', { cause: error });
  }
  return reset(error);
}
