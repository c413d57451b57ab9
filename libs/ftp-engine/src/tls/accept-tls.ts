import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { TenantHost } from '../ports.js';
import type { Session } from '../session/session.js';
import { type CertificateContexts, TicketBinding } from './certificate-contexts.js';
import type { CertificateStore } from './certificate-store.js';
import { clientCertificateOf } from './client-certificate.js';
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
  const chooseByName = async (servername: string, done: SniDone): Promise<void> => {
    const found = await findTenant(session, servername);
    tenant = found;
    contexts = contextsOf(found, session, certificates) ?? own;
    // The context is bound to this session's tickets and taken in the same turn.
    done(null, contexts.contextFor('control', binding));
  };
  const tlsSocket = new TLSSocket(socket, {
    isServer: true,
    secureContext: own.contextFor('control', binding),
    // Whoever has none, or a bad one, is let through the handshake: what it is worth is decided at the login.
    ...(certificates.asksClients ? { requestCert: true, rejectUnauthorized: false } : {}),
    ...(session.engine.options.tenants
      ? { SNICallback: (servername: string, done: SniDone) => void chooseByName(servername, done) }
      : {}),
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
        certificateNames: certificates.asksClients ? verifiedNames(tlsSocket, session) : null,
      },
      servername: typeof servername === 'string' && servername !== '' ? servername.toLowerCase() : null,
      tenant,
    });
  });
  return tlsSocket;
}

function verifiedNames(socket: TLSSocket, session: Session): readonly string[] | null {
  const certificate = clientCertificateOf(socket);
  if (certificate !== null && certificate.fault !== null) {
    const { remoteAddress, engine } = session;
    engine.ports.log.info('a client certificate does not stand', { remoteAddress, fault: certificate.fault });
  }
  return certificate?.names ?? null;
}

type SniDone = (error: Error | null, context?: SecureContext) => void;

async function findTenant(session: Session, servername: string): Promise<TenantHost | null> {
  const { tenants, log } = session.engine.ports;
  try {
    return await tenants.find(servername.toLowerCase());
  } catch (error) {
    log.warn('no tenant could be looked up for a TLS server name', { servername, error });
    return null;
  }
}

/** Null where the listener's own certificate serves the name. */
function contextsOf(
  tenant: TenantHost | null,
  session: Session,
  certificates: CertificateStore,
): CertificateContexts | null {
  if (tenant?.certificate == null) return null;
  try {
    return certificates.ofTenant(tenant.certificate);
  } catch (error) {
    session.engine.ports.log.error('the certificate of a tenant cannot be used', { tenant: tenant.slug, error });
    return null;
  }
}
