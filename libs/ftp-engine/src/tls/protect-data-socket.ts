import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { DomainError } from '@quayside/domain';
import type { Session } from '../session/session.js';
import { TransferFailure } from '../transfer/transfer-failure.js';

/**
 * TLS on a data connection, as server, after the 150 (RFC 4217 §10.2). Resolves after the handshake; throws
 * `data.tls-failed` when it fails, takes too long, or does not resume the control session where that is required, and
 * the signal's reason when that aborts. The raw socket is destroyed then. The caller owns the `error` events of the
 * result from the moment that it resolves.
 */
export function protectDataSocket(session: Session, socket: Duplex, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const tls = session.tls;
    if (signal.aborted || tls === null) {
      socket.destroy();
      reject(tls === null ? new DomainError('data.tls-failed') : (signal.reason as Error));
      return;
    }
    const tlsSocket = new TLSSocket(socket, {
      isServer: true,
      secureContext: tls.contexts.contextFor('data', tls.binding),
    });
    const settle = (error: Error | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      tlsSocket.off('secure', onSecure).off('close', onClose);
      if (error === null) {
        tlsSocket.off('error', onError).off('_tlsError', onError);
        resolve(tlsSocket);
      } else {
        tlsSocket.destroy();
        socket.destroy();
        reject(error);
      }
    };
    const onError = (error: Error): void => settle(failed(error));
    const onClose = (): void => settle(failed(new Error('closed during the handshake')));
    const onAbort = (): void => settle(signal.reason as Error);
    const onSecure = (): void => {
      if (!tlsSocket.isSessionReused() && sessionReuse(session) === 'require') {
        settle(notResumed());
      } else settle(null);
    };
    const timer = setTimeout(
      () => settle(failed(new Error('handshake timed out'))),
      session.engine.options.timeouts.handshake,
    );
    tlsSocket.on('secure', onSecure).on('close', onClose).on('error', onError).on('_tlsError', onError);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function failed(cause: unknown): DomainError {
  return new DomainError('data.tls-failed', { cause });
}

/** 522 (RFC 4217 §10.2). */
export function notResumed(cause?: unknown): TransferFailure {
  return new TransferFailure('data.tls-failed', 'TLS_SESSION_NOT_RESUMED', {
    detail: 'The data connection must resume the TLS session of the control connection',
    cause,
  });
}

/** Policy over the engine's default. */
export function sessionReuse(session: Session): 'off' | 'prefer' | 'require' {
  return session.grant?.policy.protocols.sessionReuse ?? session.engine.options.sessionReuse;
}
