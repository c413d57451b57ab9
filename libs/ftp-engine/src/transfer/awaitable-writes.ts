import type { Socket } from 'node:net';
import { StallTimer } from './stall-timer.js';
import { TransferFailure } from './transfer-failure.js';

/** Writes to a data connection one after the other, each waiting until the one before has left. */
export class AwaitableWrites {
  readonly #stall: StallTimer;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;
  #busy = false;
  readonly #onAbort: () => void;

  constructor(
    readonly socket: Socket,
    stallMs: number,
    readonly signal: AbortSignal,
  ) {
    this.#stall = new StallTimer(stallMs, () => this.#fail(new TransferFailure('data.stalled', 'STALLED')));
    this.#onAbort = () => this.#fail(signal.reason as Error);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.resume();
    this.#stall.start();
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Resolves when the previous write has left and this one is queued. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.idle();
    this.#busy = true;
    this.socket.write(bytes, () => {
      this.#busy = false;
      this.#stall.touch();
      this.#awake();
    });
  }

  /** Resolves when nothing is queued any more; throws what ended the connection. */
  async idle(): Promise<void> {
    while (this.#busy && this.#failure === null) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== null) throw this.#failure;
  }

  /** Whoever closes the connection watches it from here on. */
  stop(): void {
    this.#stall.stop();
    this.signal.removeEventListener('abort', this.#onAbort);
    this.socket.off('close', this.#onClose);
  }

  readonly #onError = (cause: Error): void => {
    this.#fail(new TransferFailure('data.aborted', 'CONNECTION_RESET', { cause }));
  };

  readonly #onClose = (): void => this.#fail(new TransferFailure('data.aborted', 'CONNECTION_RESET'));

  #fail(failure: Error): void {
    if (this.#failure !== null) return;
    this.#failure = failure;
    this.socket.destroy();
    this.#awake();
  }

  #awake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
