import type { Socket } from 'node:net';

/** The descriptor under a socket, by a property that Node does not document; null where there is none. */
export function descriptorOf(socket: Socket): number | null {
  const fd = (socket as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  return fd !== undefined && fd >= 0 ? fd : null;
}
