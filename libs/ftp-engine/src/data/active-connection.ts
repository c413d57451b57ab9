import { connect, type Socket } from 'node:net';
import { DomainError } from '@quayside/domain';
import { canonicalAddress, type HostPort } from './address.js';

/**
 * RFC 2577 §3: a PORT or EPRT may only name the peer of the control connection (else the server becomes a bouncer
 * against third parties) and no well-known port. Null when the target is fine.
 */
export function refusalOfTarget(target: HostPort, controlPeer: string): 'address' | 'port' | null {
  if (target.host !== canonicalAddress(controlPeer)) return 'address';
  return target.port < 1024 ? 'port' : null;
}

/** Connect to the client from the address that it knows us by. Throws `data.no-connection`. */
export function connectToClient(
  target: HostPort,
  options: { readonly localAddress: string | null; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Socket> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      allowHalfOpen: true,
      ...(options.localAddress === null ? {} : { localAddress: options.localAddress }),
    });
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
      socket.removeListener('connect', onConnect);
    };
    const fail = (cause: unknown): void => {
      settle();
      socket.on('error', () => {});
      socket.destroy();
      reject(signal.aborted ? (signal.reason as Error) : new DomainError('data.no-connection', { cause }));
    };
    const onError = (cause: Error): void => fail(cause);
    const onAbort = (): void => fail(signal.reason);
    const onConnect = (): void => {
      settle();
      resolve(socket.pause());
    };
    const timer = setTimeout(() => fail(new Error('connect timed out')), options.timeoutMs);
    socket.once('error', onError);
    socket.once('connect', onConnect);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
