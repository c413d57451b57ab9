import { Socket } from 'node:net';
import type { BufferPool } from './buffer-pool.js';

/**
 * Node can read a connection into memory of ours (`onread` of net.connect), but takes that option for outgoing
 * connections only. For accepted ones it is set where Node keeps it; where that place is not to be found, nothing is.
 */
interface OwnMemory {
  readonly _handle: { useUserBuffer(memory: Uint8Array): void };
  [place: symbol]: unknown;
}

interface Places {
  readonly memory: symbol;
  readonly read: symbol;
  readonly next: symbol;
}

let places: Places | null | undefined;

function placesOf(socket: Socket): Places | null {
  if (places !== undefined) return places;
  const own = Object.getOwnPropertySymbols(socket);
  const [memory, read, next] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) =>
    own.find(({ description }) => description === name),
  );
  places = memory && read && next ? { memory, read, next } : null;
  return places;
}

function takesOwnMemory(socket: Socket): boolean {
  const { _handle: handle } = socket as unknown as { readonly _handle: { useUserBuffer?: unknown } | null };
  return typeof handle?.useUserBuffer === 'function';
}

/** Less room than this is not worth a read. */
const LEAST_READ_BYTES = 64 * 1024;

interface Slot {
  readonly memory: Buffer;
  filled: number;
  written: number;
}

/**
 * What arrives on a connection, in reused memory: no allocation for each read, and reads as large as a buffer. Chunks are
 * valid until {@link wrote} has counted them.
 */
export class ReceiveRing {
  readonly #buffers: BufferPool;
  readonly #slots: Slot[] = [];

  private constructor(buffers: BufferPool) {
    this.#buffers = buffers;
  }

  /** Null where the connection cannot be read like that; then its 'data' events have to do. */
  static attach(socket: Socket, buffers: BufferPool, onChunk: (chunk: Buffer) => void): ReceiveRing | null {
    // Exactly a TCP socket: under TLS, and in tests, something else reads.
    if (Object.getPrototypeOf(socket) !== Socket.prototype || socket.readableLength > 0) return null;
    const at = placesOf(socket);
    if (at === null || !takesOwnMemory(socket)) return null;
    const ring = new ReceiveRing(buffers);
    const own = socket as unknown as OwnMemory;
    const first = ring.#room();
    own[at.memory] = first;
    own[at.read] = (bytes: number) => onChunk(ring.#took(bytes));
    own[at.next] = () => ring.#room();
    own._handle.useUserBuffer(first);
    return ring;
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

  /** Nothing is read any more, and no chunk is needed. */
  close(): void {
    for (const { memory } of this.#slots.splice(0)) this.#buffers.give(memory);
  }

  #took(bytes: number): Buffer {
    const slot = this.#slots.at(-1)!;
    const from = slot.filled;
    slot.filled += bytes;
    return slot.memory.subarray(from, slot.filled);
  }

  #room(): Buffer {
    const last = this.#slots.at(-1);
    if (last !== undefined && last.memory.length - last.filled >= LEAST_READ_BYTES) {
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
}
