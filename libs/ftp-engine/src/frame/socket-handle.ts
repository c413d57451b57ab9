import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Node's object under a socket, which is not documented: `T` is what is hoped for, and has to be looked for. */
export function handleOf<T>(socket: Socket): Partial<T> | null {
  return (socket as unknown as { readonly _handle?: Partial<T> | null })._handle ?? null;
}

/** Exactly Node's sockets: what else reads and writes like one, in tests, has no handle of this kind. */
export function isNodeSocket(socket: Socket): boolean {
  const kind: unknown = Object.getPrototypeOf(socket);
  return kind === Socket.prototype || kind === TLSSocket.prototype;
}
