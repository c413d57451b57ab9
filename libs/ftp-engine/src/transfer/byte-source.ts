import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { bytesRead, type PlainConnection, type TcpHandle } from '../data/plain-connection.js';
import type { BufferPool } from './buffer-pool.js';
import { ReceiveRing, RingMemory } from './receive-ring.js';
import { endedByReset } from './reset-check.js';
import { descriptorOf } from './socket-descriptor.js';

/** Who is told of what arrives. */
export interface ByteSink {
  /** In memory that is valid until the source's `wrote` has counted it. */
  onData(chunk: Buffer): void;
  /** The peer's FIN. */
  onEnd(): void;
  onError(error: Error): void;
  /** It is closed, whatever came before. Only where {@link ByteSource} is a socket. */
  onClose(): void;
}

/** A data connection as an upload reads it. */
export interface ByteSource {
  /** Chunks that follow one another may lie side by side in one piece of memory. */
  readonly reusesMemory: boolean;
  /** Of the connection itself, where its bytes are the upload's as they come; null where they are not, or it is closed. */
  readonly descriptor: number | null;
  start(sink: ByteSink): void;
  pause(): void;
  resume(): void;
  destroy(): void;
  /** The oldest `bytes` bytes are no longer needed. */
  wrote(bytes: number): void;
  /** The sink hears nothing any more; with {@link release}, what was read is no longer needed either. */
  stop(): void;
  release(): void;
  /** After its end: it was no FIN but a reset. */
  endedByReset(): boolean;
}

/** `converts`: a conversion has memory of its own, and may hold on to what it was given. */
export function sourceOf(
  connection: { readonly tls: boolean; readonly plain: PlainConnection; readonly socket: Socket },
  buffers: BufferPool,
  converts: boolean,
): ByteSource {
  const { handle } = connection.plain;
  if (handle !== null && !connection.tls && !converts) return new HandleSource(handle, connection.plain, buffers);
  return new SocketSource(connection.socket, connection.plain.socket, converts ? null : buffers);
}

/** By the events of a socket of Node's, where that can be had into memory of ours. */
export class SocketSource implements ByteSource {
  readonly descriptor = null;
  #sink: ByteSink | null = null;
  #ring: ReceiveRing | null = null;

  constructor(
    private readonly socket: Socket,
    /** The TCP connection under `socket`. */
    private readonly raw: Socket,
    private readonly buffers: BufferPool | null,
  ) {
    // From now on to the end, also where nothing is ever read: without a listener an error would end the process.
    socket.on('error', (error) => this.#sink?.onError(error));
  }

  get reusesMemory(): boolean {
    return this.#ring !== null;
  }

  start(sink: ByteSink): void {
    const { socket, buffers } = this;
    this.#sink = sink;
    if (buffers !== null) this.#ring = ReceiveRing.attach(socket, buffers, this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    if (this.#ring === null) socket.on('data', this.#onData);
    else this.#ring.start();
    // A client with nothing to send may have ended, or gone, before anybody listened.
    if (socket.readableEnded) this.#onEnd();
    else if (socket.destroyed) this.#onClose();
    else socket.resume();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }

  wrote(bytes: number): void {
    this.#ring?.wrote(bytes);
  }

  stop(): void {
    this.socket.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
  }

  release(): void {
    this.#ring?.close();
  }

  endedByReset(): boolean {
    return endedByReset(descriptorOf(this.raw));
  }

  readonly #onData = (chunk: Buffer): void => this.#sink?.onData(chunk);
  readonly #onEnd = (): void => this.#sink?.onEnd();
  readonly #onClose = (): void => this.#sink?.onClose();
}

/** Without a socket of Node's, which costs a small upload more than the rest of it. */
class HandleSource implements ByteSource {
  readonly reusesMemory = true;
  readonly #memory: RingMemory;
  #sink: ByteSink | null = null;
  #reading = false;

  constructor(
    private readonly handle: TcpHandle,
    private readonly connection: PlainConnection,
    buffers: BufferPool,
  ) {
    this.#memory = new RingMemory(buffers);
  }

  get descriptor(): number | null {
    const { fd } = this.handle;
    return this.connection.destroyed || fd < 0 ? null : fd;
  }

  start(sink: ByteSink): void {
    this.#sink = sink;
    this.handle.useUserBuffer(this.#memory.room());
    this.handle.onread = () => this.#read(bytesRead());
    this.resume();
  }

  pause(): void {
    if (this.#reading && !this.connection.destroyed) this.handle.readStop();
    this.#reading = false;
  }

  resume(): void {
    if (this.#reading || this.connection.destroyed) return;
    this.#reading = true;
    const fault = this.handle.readStart();
    if (fault !== 0) this.#sink?.onError(readError(fault));
  }

  destroy(): void {
    this.#reading = false;
    this.connection.destroy();
  }

  wrote(bytes: number): void {
    this.#memory.wrote(bytes);
  }

  stop(): void {
    this.pause();
    this.#sink = null;
  }

  release(): void {
    this.#memory.close(false);
  }

  endedByReset(): boolean {
    return this.connection.destroyed ? false : endedByReset(this.handle.fd);
  }

  /** Returns where the next read goes. */
  #read(bytes: number): Uint8Array | undefined {
    const sink = this.#sink;
    // Nothing to read, or nobody who wants it.
    if (bytes === 0 || sink === null) return undefined;
    if (bytes > 0) {
      sink.onData(this.#memory.took(bytes));
      return this.#sink === null ? undefined : this.#memory.room();
    }
    this.pause();
    if (bytes === END_OF_FILE) sink.onEnd();
    else sink.onError(readError(bytes));
    return undefined;
  }
}

/** UV_EOF. */
const END_OF_FILE = -4095;

function readError(fault: number): Error {
  const code = getSystemErrorName(fault);
  return Object.assign(new Error(`read ${code}`), { code, syscall: 'read' });
}
