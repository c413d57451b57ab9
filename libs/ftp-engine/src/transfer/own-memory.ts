import type { Socket } from 'node:net';
import { handleOf, isNodeSocket } from '../frame/socket-handle.js';

/**
 * Node can read a connection into memory of ours (`onread` of net.connect), but takes that option for outgoing
 * connections only. For accepted ones, and for TLS over them, it is set where Node keeps it; where that place is not to
 * be found, nothing is.
 */
type OwnMemory = Record<symbol, unknown>;

interface ReadingHandle {
  useUserBuffer(memory: Uint8Array): void;
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
  if (!isNodeSocket(socket) || placesOf(socket) === null) return false;
  return typeof handleOf<ReadingHandle>(socket)?.useUserBuffer === 'function';
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
  handleOf<ReadingHandle>(socket)!.useUserBuffer!(memory);
}
