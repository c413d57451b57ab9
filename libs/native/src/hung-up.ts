import { cLibrary } from './c-library.js';

const POLLERR = 0x8;
const POLLHUP = 0x10;
const POLLRDHUP = 0x2000;
/** struct pollfd: int fd, short events, short revents. */
const POLLFD_BYTES = 8;

type Poll = (descriptors: Buffer, count: number, timeoutMs: number) => number;

let poll: Poll | null | undefined;

/**
 * Whether the peer of a connected socket has closed or reset it, also where bytes that came before are still unread and
 * nobody reads. False where the system cannot be asked.
 */
export function hasHungUp(socketFd: number): boolean {
  poll ??= bindPoll();
  if (poll === null) return false;
  const descriptor = Buffer.alloc(POLLFD_BYTES);
  descriptor.writeInt32LE(socketFd, 0);
  descriptor.writeInt16LE(POLLRDHUP, 4);
  return poll(descriptor, 1, 0) > 0 && (descriptor.readInt16LE(6) & (POLLERR | POLLHUP | POLLRDHUP)) !== 0;
}

function bindPoll(): Poll | null {
  try {
    return (cLibrary()?.bind('int poll(_Inout_ void *descriptors, unsigned long count, int timeout)') ??
      null) as Poll | null;
  } catch {
    return null;
  }
}
