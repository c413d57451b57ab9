import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { TenantHost } from '../ports.js';
import type { Session } from '../session/session.js';
import { type CertificateContexts, TicketBinding } from './certificate-contexts.js';
import type { CertificateStore } from './certificate-store.js';
import type { SessionTls } from './session-tls.js';

/** What a finished handshake on the control connection tells. */
export interface AcceptedTls {
  readonly tls: SessionTls;
  /** Server name that the client sent; null for none. */
  readonly servername: string | null;
  /** Tenant of that name; null where nobody has it. */
  readonly tenant: TenantHost | null;
}

/**
 * Put TLS on a control connection, as server. The socket must have no listener that reads it. `onAccepted` runs when the
 * handshake is done, before any byte of the client's is delivered; errors arrive as `error` and `close` of the result.
 */
export function acceptTls(
  socket: Socket,
  session: Session,
  certificates: CertificateStore,
  own: CertificateContexts,
  onAccepted: (accepted: AcceptedTls) => void,
): TLSSocket {
  const binding = new TicketBinding();
  const implicit = session.listener.tls === 'implicit';
  let contexts = own;
  let tenant: TenantHost | null = null;
  const findContext = (servername: string, done: (error: Error | null, context?: SecureContext) => void): void => {
    session.engine.ports.tenants.find(servername).then(
      (found) => {
        tenant = found;
        try {
          if (found !== null && found.certificate !== null) contexts = certificates.ofTenant(found.certificate);
          done(null, contexts.contextFor('control', binding));
        } catch (error) {
          session.engine.ports.log.error('the certificate of a tenant cannot be used', {
            servername,
            tenant: found?.slug,
            error,
          });
          contexts = own;
          done(null, own.contextFor('control', binding));
        }
      },
      (error: unknown) => {
        session.engine.ports.log.warn('no tenant could be looked up for a TLS server name', { servername, error });
        done(null, own.contextFor('control', binding));
      },
    );
  };
  const tlsSocket = new TLSSocket(socket, {
    isServer: true,
    secureContext: own.contextFor('control', binding),
    ...(session.engine.options.tenants ? { SNICallback: findContext } : {}),
  });
  tlsSocket.once('secure', () => {
    const servername = (tlsSocket as { readonly servername?: string | false }).servername;
    onAccepted({
      tls: {
        implicit,
        contexts,
        binding,
        version: tlsSocket.getProtocol() ?? 'TLS',
        cipher: tlsSocket.getCipher().standardName,
      },
      servername: typeof servername === 'string' && servername !== '' ? servername.toLowerCase() : null,
      tenant,
    });
  });
  return tlsSocket;
}
