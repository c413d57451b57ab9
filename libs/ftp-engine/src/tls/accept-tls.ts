import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { TenantHost } from '../ports.js';
import type { SocketInput } from '../control/socket-input.js';
import type { Session } from '../session/session.js';
import { type CertificateContexts, TicketBinding } from './certificate-contexts.js';
import type { CertificateStore } from './certificate-store.js';
import { clientCertificateOf } from './client-certificate.js';
import { readClientHello } from './client-hello.js';
import type { SessionTls } from './session-tls.js';

/**
 * RFC 7301: a client that offers other protocols only, a browser that was led here by an ALPACA attack for one, is turned
 * away by an alert. Whoever offers none is welcome.
 */
const PROTOCOLS = Buffer.from('\x03ftp', 'latin1');

/** What a finished handshake on the control connection tells. */
export interface AcceptedTls {
  readonly tls: SessionTls;
  /** Server name that the client sent; null for none. */
  readonly servername: string | null;
  /** Tenant of that name; null where nobody has it. */
  readonly tenant: TenantHost | null;
}

/** With which certificate a handshake is answered. */
export interface ChosenCertificate {
  readonly contexts: CertificateContexts;
  /** Server name that the client sent; null for none. */
  readonly servername: string | null;
  readonly tenant: TenantHost | null;
}

/**
 * Look at the ClientHello for the server name and find its certificate; null where the connection ends before. Node's
 * SNICallback adds a certificate to the one that the handshake began with: where their keys are of different kinds,
 * OpenSSL then shows whichever the client prefers. So the name is known before the handshake begins.
 */
export async function chooseCertificate(
  socket: Socket,
  input: SocketInput,
  session: Session,
  certificates: CertificateStore,
  own: CertificateContexts,
): Promise<ChosenCertificate | null> {
  if (!session.engine.options.tenants) return { contexts: own, servername: null, tenant: null };
  const hello = await readClientHello(socket, input);
  if (hello === null) return null;
  const servername = hello.serverName === null || hello.serverName === '' ? null : hello.serverName.toLowerCase();
  if (servername === null) return { contexts: own, servername, tenant: null };
  const tenant = await findTenant(session, servername);
  if (socket.destroyed) return null;
  return { contexts: contextsOf(tenant, session, certificates) ?? own, servername, tenant };
}

/**
 * Put TLS on a control connection, as server. The socket must have no listener that reads it. `onAccepted` runs when the
 * handshake is done, before any byte of the client's is delivered; errors arrive as `error` and `close` of the result.
 */
export function acceptTls(
  socket: Socket,
  session: Session,
  certificates: CertificateStore,
  { contexts, servername, tenant }: ChosenCertificate,
  onAccepted: (accepted: AcceptedTls) => void,
): TLSSocket {
  const binding = new TicketBinding();
  const implicit = session.listener.tls === 'implicit';
  const tlsSocket = new TLSSocket(socket, {
    isServer: true,
    secureContext: contexts.contextFor('control', binding),
    ALPNProtocols: PROTOCOLS,
    // Whoever has none, or a bad one, is let through the handshake: what it is worth is decided at the login.
    ...(certificates.asksClients ? { requestCert: true, rejectUnauthorized: false } : {}),
  });
  tlsSocket.once('secure', () => {
    onAccepted({
      tls: {
        implicit,
        contexts,
        binding,
        version: tlsSocket.getProtocol() ?? 'TLS',
        cipher: tlsSocket.getCipher().standardName,
        certificateNames: certificates.asksClients ? verifiedNames(tlsSocket, session) : null,
      },
      servername,
      tenant,
    });
  });
  return tlsSocket;
}

function verifiedNames(socket: TLSSocket, session: Session): readonly string[] | null {
  const certificate = clientCertificateOf(socket);
  if (certificate !== null && certificate.fault !== null) {
    const { id: sessionId, remoteAddress, engine } = session;
    const { fault } = certificate;
    engine.ports.log.info('a client certificate does not stand', { sessionId, remoteAddress, fault });
  }
  return certificate?.names ?? null;
}

async function findTenant(session: Session, servername: string): Promise<TenantHost | null> {
  const { tenants, log } = session.engine.ports;
  try {
    return await tenants.find(servername);
  } catch (error) {
    log.warn('no tenant could be looked up for a TLS server name', { sessionId: session.id, servername, error });
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
    session.engine.ports.log.error('the certificate of a tenant cannot be used', {
      sessionId: session.id,
      tenant: tenant.slug,
      error,
    });
    return null;
  }
}
