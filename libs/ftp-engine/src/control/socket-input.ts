import type { Socket } from 'node:net';
import { readIntoMemory, takesOwnMemory } from '../transfer/own-memory.js';

/** More than a client sends at once; what is more comes with the next read. */
const MEMORY_BYTES = 64 * 1024;

/** One for all connections: what was read is looked at before anything else is read. */
let shared: Buffer | null = null;

/**
 * What comes on a control connection. Node allocates 64 KiB for each read, hands them from one stream to the next and
 * leaves them to the collector, which is a fifth of what a NOOP costs; so where Node allows it all connections are read
 * into the same memory.
 */
export class SocketInput {
  readonly #socket: Socket;
  readonly #owned: boolean;
  #onChunk: ((chunk: Buffer) => void) | null = null;

  private constructor(socket: Socket, owned: boolean) {
    this.#socket = socket;
    this.#owned = owned;
    if (!owned) return;
    const memory = (shared ??= Buffer.allocUnsafeSlow(MEMORY_BYTES));
    readIntoMemory(socket, memory, (bytes) => this.#onChunk?.(memory.subarray(0, bytes)), null);
  }

  /** Into the shared memory where that can be; from then on nobody can read the socket as a stream. */
  static of(socket: Socket): SocketInput {
    // What waits in the stream would be overtaken.
    return new SocketInput(socket, socket.readableLength === 0 && takesOwnMemory(socket));
  }

  /** By the socket's 'data' events, for who hands it on afterwards. */
  static ofStream(socket: Socket): SocketInput {
    return new SocketInput(socket, false);
  }

  /** Hand out what comes, instead of to whom it went before. A chunk is valid until the callback returns. */
  listen(onChunk: (chunk: Buffer) => void): void {
    if (!this.#owned) {
      this.silence();
      this.#socket.on('data', onChunk);
    }
    this.#onChunk = onChunk;
  }

  /** Hand out nothing; what comes while the socket is not paused is lost. */
  silence(): void {
    if (!this.#owned && this.#onChunk !== null) this.#socket.off('data', this.#onChunk);
    this.#onChunk = null;
  }
}
