import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { systemError } from '@quayside/native';
import { decodeName } from '@quayside/storage';
import { handleOf, isNodeSocket } from '../frame/socket-handle.js';
import { streamBinding, type WriteRequest } from '../frame/stream-binding.js';

interface ReplyRequest extends WriteRequest {
  output?: SocketOutput | null;
  bytes?: number;
  /** Kept until it is written. */
  buffer?: Buffer | null;
}

interface WritingHandle {
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
}

function takesHandleWrites(socket: Socket): boolean {
  const handle = isNodeSocket(socket) ? handleOf<WritingHandle>(socket) : null;
  return typeof handle?.writeLatin1String === 'function' && streamBinding() !== null;
}

/** For the next write of any connection. */
let spare: ReplyRequest | null = null;

/**
 * What goes out on a control connection. A reply by way of Node's stream takes as long as all else that a NOOP costs
 * outside the kernel, so where Node's handle can be written to it is; else the stream is.
 */
export class SocketOutput {
  readonly #socket: Socket;
  #onDrained: (() => void) | null;
  readonly #direct: boolean;
  /** TLS takes one write at a time. */
  readonly #onlyOne: boolean;
  /** Writes that the handle has not ended. */
  #underWay = 0;
  #underWayBytes = 0;
  #waiting = '';
  #ending: 'end' | 'close' | null = null;

  /** `onDrained`: what could not be written at once has been. */
  constructor(socket: Socket, onDrained: () => void) {
    this.#socket = socket;
    this.#onDrained = onDrained;
    this.#direct = takesHandleWrites(socket);
    this.#onlyOne = socket instanceof TLSSocket;
    if (!this.#direct) socket.on('drain', onDrained);
  }

  /** Bytes that were given to {@link write} and are not with the operating system; text that waits counts by characters. */
  get waitingBytes(): number {
    return this.#underWayBytes + this.#waiting.length + this.#socket.writableLength;
  }

  /** Text in the form of names (`decodeName`), all of it. Does nothing where the connection is no longer writable. */
  write(text: string): void {
    if (!this.#socket.writable || this.#ending !== null) return;
    if (this.#underWay > 0 && this.#onlyOne) this.#waiting += text;
    else if (this.#direct) this.#send(text);
    else this.writeToStream(text);
  }

  /** By the stream: what takes the connection over afterwards, as TLS does, asks that whether all is written. */
  writeToStream(text: string): void {
    if (!this.#socket.writable) return;
    if (isAsciiText(text)) this.#socket.write(text, 'latin1');
    else this.#socket.write(decodeName(text));
  }

  /** Nothing more follows what was written. `close`: nor is anything read. */
  end(close: boolean): void {
    this.#ending = close ? 'close' : 'end';
    if (this.#underWay === 0 || !this.#onlyOne) this.#end();
  }

  /** Nobody is told anything any more. */
  silence(): void {
    if (!this.#direct && this.#onDrained !== null) this.#socket.off('drain', this.#onDrained);
    this.#onDrained = null;
  }

  #end(): void {
    if (this.#ending === 'close') this.#socket.destroySoon();
    else this.#socket.end();
  }

  #send(text: string): void {
    const handle = handleOf<WritingHandle>(this.#socket) as WritingHandle | null;
    if (handle === null) return;
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = streamBinding()!;
    const request: ReplyRequest = spare ?? new WriteWrap();
    spare = null;
    const buffer = isAsciiText(text) ? null : decodeName(text);
    const bytes = buffer?.length ?? text.length;
    // Before the call: TLS whose connection is gone tells it from within, and no other time.
    request.oncomplete = completed;
    request.output = this;
    request.buffer = buffer;
    request.bytes = bytes;
    this.#underWay++;
    this.#underWayBytes += bytes;
    const error = buffer === null ? handle.writeLatin1String(request, text) : handle.writeBuffer(request, buffer);
    const over = request.output === null;
    if (over || (error === 0 && streamBaseState[kLastWriteWasAsync] !== 0)) return;
    request.output = null;
    request.buffer = null;
    spare = request;
    this.#underWay--;
    this.#underWayBytes -= bytes;
    if (error !== 0) this.#socket.destroy(systemError(-error, 'write'));
  }

  /** A write that was under way has ended. `status`: 0, or a negative errno. */
  written(bytes: number, status: number): void {
    this.#underWay--;
    this.#underWayBytes -= bytes;
    if (this.#socket.destroyed) return;
    if (status < 0) {
      this.#socket.destroy(systemError(-status, 'write'));
      return;
    }
    if (this.#underWay > 0) return;
    const text = this.#waiting;
    this.#waiting = '';
    if (text !== '') this.#send(text);
    if (this.#underWay > 0 || this.#socket.destroyed) return;
    if (this.#ending !== null && this.#onlyOne) this.#end();
    else this.#onDrained?.();
  }
}

function completed(this: ReplyRequest, status: number): void {
  const { output, bytes } = this;
  this.output = null;
  this.buffer = null;
  output!.written(bytes!, status);
}

/** By hand: a regular expression takes a call out of compiled code for each reply. */
function isAsciiText(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}
