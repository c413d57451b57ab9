import type { Socket } from 'node:net';
import { parseProxyHeader, type ProxyHeader } from './proxy-header.js';

/** How long a trusted proxy may take for its header. */
const HEADER_MS = 3000;

/**
 * Read the header that a trusted proxy must send first, from a paused socket that nobody reads; what follows it stays in
 * the socket. Null, with the socket destroyed, where it does not come whole, valid and in time.
 */
export function readProxyHeader(socket: Socket): Promise<ProxyHeader | null> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const finish = (header: ProxyHeader | null): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable).off('close', onGone).off('end', onGone);
      if (header === null) socket.destroy();
      // A listener for 'readable' left the socket in a mode of its own; who takes it starts it anew.
      else socket.pause();
      resolve(header);
    };
    const onGone = (): void => finish(null);
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      bytes = Buffer.concat([bytes, chunk]);
      const header = parseProxyHeader(bytes);
      if (header === 'more') return;
      if (header === 'invalid') return finish(null);
      if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
      finish(header);
    };
    const timer = setTimeout(onGone, HEADER_MS);
    socket.on('error', onGone);
    socket.on('close', onGone).on('end', onGone).on('readable', onReadable);
  });
}
