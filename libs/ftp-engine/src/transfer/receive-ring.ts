import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { BufferPool } from './buffer-pool.js';
import { readIntoMemory, takesOwnMemory } from './own-memory.js';

/** Less room than this is not worth a read. */
const LEAST_READ_BYTES = 64 * 1024;
/** Of TLS, where records come one by one: the longest one. */
const LEAST_RECORD_BYTES = 16 * 1024;

interface Slot {
  readonly memory: Buffer;
  filled: number;
  written: number;
}

/** Reused memory that is read into. What was read is valid until {@link wrote} has counted it. */
export class RingMemory {
  readonly #buffers: BufferPool;
  readonly #leastBytes: number;
  readonly #slots: Slot[] = [];

  /** `leastBytes`: less room than this is not worth a read. */
  constructor(buffers: BufferPool, leastBytes = LEAST_READ_BYTES) {
    this.#buffers = buffers;
    this.#leastBytes = leastBytes;
  }

  /** Where the next read goes. */
  room(): Buffer {
    const last = this.#slots.at(-1);
    if (last !== undefined && last.memory.length - last.filled >= this.#leastBytes) {
      return last.memory.subarray(last.filled);
    }
    const slot = { memory: this.#buffers.take(), filled: 0, written: 0 };
    this.#slots.push(slot);
    // All of the one before may have been written already.
    if (last !== undefined && last.written === last.filled) {
      this.#slots.splice(this.#slots.indexOf(last), 1);
      this.#buffers.give(last.memory);
    }
    return slot.memory;
  }

  /** What the last read brought. */
  took(bytes: number): Buffer {
    const slot = this.#slots.at(-1)!;
    const from = slot.filled;
    slot.filled += bytes;
    return slot.memory.subarray(from, slot.filled);
  }

  /** The oldest `bytes` bytes are no longer needed. */
  wrote(bytes: number): void {
    let left = bytes;
    for (let slot = this.#slots[0]; slot !== undefined && left > 0; slot = this.#slots[0]) {
      const here = Math.min(left, slot.filled - slot.written);
      slot.written += here;
      left -= here;
      // The last one is being read into.
      if (slot.written < slot.filled || this.#slots.length === 1) return;
      this.#slots.shift();
      this.#buffers.give(slot.memory);
    }
  }

  /** Nothing of it is needed any more. `late`: a read into it may still be under way until this turn of the loop ends. */
  close(late: boolean): void {
    const last = this.#slots.pop();
    for (const { memory } of this.#slots.splice(0)) this.#buffers.give(memory);
    if (last === undefined) return;
    if (late) setImmediate(() => this.#buffers.give(last.memory));
    else this.#buffers.give(last.memory);
  }
}

/**
 * What arrives on a connection, in reused memory: no allocation for each read, and reads as large as a buffer. Chunks are
 * valid until {@link wrote} has counted them.
 */
export class ReceiveRing {
  readonly #socket: Socket;
  readonly #memory: RingMemory;
  readonly #onChunk: (chunk: Buffer) => void;

  private constructor(socket: Socket, buffers: BufferPool, onChunk: (chunk: Buffer) => void) {
    this.#socket = socket;
    this.#memory = new RingMemory(buffers, socket instanceof TLSSocket ? LEAST_RECORD_BYTES : LEAST_READ_BYTES);
    this.#onChunk = onChunk;
  }

  /**
   * Null where the connection cannot be read like that; then its 'data' events have to do. Nothing is handed out before
   * {@link start}.
   */
  static attach(socket: Socket, buffers: BufferPool, onChunk: (chunk: Buffer) => void): ReceiveRing | null {
    return takesOwnMemory(socket) ? new ReceiveRing(socket, buffers, onChunk) : null;
  }

  /** From here on chunks are handed out, at first of what had come already: often with a client's handshake. */
  start(): void {
    while (this.#socket.readableLength > 0) {
      const early = this.#socket.read() as Buffer | null;
      if (early === null) break;
      for (let at = 0; at < early.length;) {
        const bytes = early.copy(this.#memory.room(), 0, at);
        at += bytes;
        this.#onChunk(this.#memory.took(bytes));
      }
    }
    // What came first may have been refused.
    if (this.#socket.destroyed) return;
    readIntoMemory(
      this.#socket,
      this.#memory.room(),
      (bytes) => this.#onChunk(this.#memory.took(bytes)),
      () => this.#memory.room(),
    );
  }

  /** The oldest `bytes` bytes are no longer needed. */
  wrote(bytes: number): void {
    this.#memory.wrote(bytes);
  }

  /** Nothing is read any more, and no chunk is needed. */
  close(): void {
    // Under TLS, records that were already decrypted are still put into it before this turn of the loop ends, also when
    // the connection was destroyed at the first of them.
    this.#memory.close(true);
  }
}
