import { type Server, Socket } from 'node:net';
import { streamBinding } from '../frame/stream-binding.js';

/**
 * Node's binding under an accepted TCP connection. It is not documented, so every use of it stands behind a look at what
 * is there, and works by sockets where that is something else.
 */
export interface TcpHandle {
  readonly fd: number;
  /** Called after each read; what it returns is read into next. How much was read, {@link bytesRead} tells. */
  onread: () => Uint8Array | undefined;
  useUserBuffer(memory: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  setNoDelay(enable: boolean): number;
  /** Fills `out`; not 0 where the peer is gone. */
  getpeername(out: { address?: string }): number;
  close(): void;
}

const METHODS = ['useUserBuffer', 'readStart', 'readStop', 'setNoDelay', 'getpeername', 'close'] as const;

function isTcpHandle(handle: unknown): handle is TcpHandle {
  const its = handle as Partial<Record<keyof TcpHandle, unknown>> | null | undefined;
  return typeof its?.fd === 'number' && METHODS.every((name) => typeof its[name] === 'function');
}

/** Of the read that a handle has just reported: its bytes, or a negative error number of libuv's. */
export function bytesRead(): number {
  const { streamBaseState, kReadBytesOrError } = streamBinding()!;
  return streamBaseState[kReadBytesOrError]!;
}

/**
 * The TCP connection of a data channel, read by nobody yet: the bare handle for as long as nobody needs more, because
 * Node's socket around it costs a small transfer as much as all that the transfer itself does. Paused and half-open.
 */
export class PlainConnection {
  #handle: TcpHandle | null = null;
  #socket: Socket | null = null;

  constructor(connection: Socket | TcpHandle) {
    if (connection instanceof Socket) this.#socket = connection;
    else this.#handle = connection;
  }

  /** The connection as a socket, from now on: whoever asks owns its errors. */
  get socket(): Socket {
    if (this.#socket !== null) return this.#socket;
    const handle = this.#handle;
    this.#handle = null;
    if (handle === null) this.#socket = new Socket().destroy();
    else {
      handle.setNoDelay(true);
      const options = { handle, allowHalfOpen: true, pauseOnCreate: true, readable: true, writable: true };
      this.#socket = new Socket(options);
    }
    return this.#socket;
  }

  /** The bare handle, where there is no socket; it is closed by {@link destroy} all the same. */
  get handle(): TcpHandle | null {
    return this.#handle;
  }

  /** Address of the peer as the kernel writes it; undefined where it is gone. */
  get remoteAddress(): string | undefined {
    if (this.#handle === null) return this.#socket?.remoteAddress;
    const out: { address?: string } = {};
    return this.#handle.getpeername(out) === 0 ? out.address : undefined;
  }

  get destroyed(): boolean {
    return this.#handle === null && (this.#socket?.destroyed ?? true);
  }

  destroy(): void {
    this.#handle?.close();
    this.#handle = null;
    this.#socket?.destroy();
  }
}

interface ServerHandle {
  onconnection(status: number, handle: unknown): void;
}

/**
 * Hands a server's connections over bare; false where Node's binding under the server is not as expected: then its
 * 'connection' events have to do.
 */
export function acceptBare(server: Server, onConnection: (connection: PlainConnection) => void): boolean {
  const { _handle: handle } = server as unknown as { readonly _handle?: Partial<ServerHandle> | null };
  const usual = handle?.onconnection;
  if (typeof usual !== 'function' || streamBinding() === null) return false;
  handle!.onconnection = function (this: unknown, status: number, accepted: unknown): void {
    if (status === 0 && isTcpHandle(accepted)) onConnection(new PlainConnection(accepted));
    else usual.call(this as ServerHandle, status, accepted);
  };
  return true;
}
