import type { Socket } from 'node:net';
import { handleOf } from '../frame/socket-handle.js';

/** The descriptor under a socket, by a property that Node does not document; null where there is none. */
export function descriptorOf(socket: Socket): number | null {
  const fd = handleOf<{ readonly fd: number }>(socket)?.fd;
  return fd !== undefined && fd >= 0 ? fd : null;
}
