import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/**
 * Node can read a connection into memory of ours (`onread` of net.connect), but takes that option for outgoing
 * connections only. For accepted ones, and for TLS over them, it is set where Node keeps it; where that place is not to
 * be found, nothing is.
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

/** Whether {@link readIntoMemory} is possible. */
export function takesOwnMemory(socket: Socket): boolean {
  // Exactly these: what else reads like a socket, in tests, has no handle of this kind.
  const kind: unknown = Object.getPrototypeOf(socket);
  if (kind !== Socket.prototype && kind !== TLSSocket.prototype) return false;
  const { _handle: handle } = socket as unknown as { readonly _handle: { useUserBuffer?: unknown } | null };
  return placesOf(socket) !== null && typeof handle?.useUserBuffer === 'function';
}

/**
 * Let Node read a socket that {@link takesOwnMemory} into `memory`, and tell `read` how many bytes each read brought;
 * there are no 'data' events any more. After each, `next` says where the following one goes; null for the same memory.
 */
export function readIntoMemory(
  socket: Socket,
  memory: Buffer,
  read: (bytes: number) => void,
  next: (() => Buffer) | null,
): void {
  const at = placesOf(socket)!;
  const own = socket as unknown as OwnMemory;
  own[at.memory] = memory;
  own[at.read] = read;
  own[at.next] = next;
  own._handle.useUserBuffer(memory);
}
