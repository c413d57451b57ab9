import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { TenantHost } from '../ports.js';
import type { SocketInput } from '../control/socket-input.js';
import type { Session } from '../session/session.js';
import { type CertificateContexts, TicketBinding } from './certificate-contexts.js';
import type { CertificateStore } from './certificate-store.js';
import { clientCertificateOf } from './client-certificate.js';
import { asServerName, readClientHello } from './client-hello.js';
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

/** Whom the client means by its server name. */
interface NamedTenant {
  /** Null for none. */
  readonly servername: string | null;
  readonly tenant: TenantHost | null;
}

const NOBODY: NamedTenant = { servername: null, tenant: null };

/** With which certificate a handshake is answered. */
export interface ChosenCertificate {
  readonly contexts: CertificateContexts;
  /** Null where that is not known before the handshake. */
  readonly named: NamedTenant | null;
}

/** Whether the server name decides on the certificate. Where it does not, the handshake needs no reading ahead. */
export function nameDecides({ engine }: Session): boolean {
  return engine.options.tenants && engine.ports.tenants.haveCertificates();
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
  const hello = await readClientHello(socket, input);
  if (hello === null) return null;
  const named = hello.serverName === null ? NOBODY : await findTenant(session, hello.serverName);
  if (socket.destroyed) return null;
  return { contexts: contextsOf(named.tenant, session, certificates) ?? own, named };
}

/**
 * Put TLS on a control connection, as server. The socket must have no listener that reads it. `onAccepted` runs when the
 * handshake is done, before any byte of the client's is delivered; errors arrive as `error` and `close` of the result.
 */
export function acceptTls(
  socket: Socket,
  session: Session,
  certificates: CertificateStore,
  { contexts, named }: ChosenCertificate,
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
  // A half-closed connection cannot finish it, and Node leaves it to the deadline.
  const onLeft = (): void => void tlsSocket.destroy();
  tlsSocket.once('end', onLeft);
  tlsSocket.once('secure', () => {
    tlsSocket.off('end', onLeft);
    const tls: SessionTls = {
      implicit,
      contexts,
      binding,
      version: tlsSocket.getProtocol() ?? 'TLS',
      cipher: tlsSocket.getCipher().standardName,
      certificateNames: certificates.asksClients ? verifiedNames(tlsSocket, session) : null,
    };
    if (named !== null) return onAccepted({ tls, ...named });
    const name = session.engine.options.tenants ? asServerName(serverNameOf(tlsSocket)) : null;
    if (name === null) return onAccepted({ tls, ...NOBODY });
    // Nothing is read meanwhile that would have to be kept.
    tlsSocket.pause();
    const goOn = (found: NamedTenant): void => {
      tlsSocket.resume();
      onAccepted({ tls, ...found });
    };
    void findTenant(session, name).then(goOn);
  });
  return tlsSocket;
}

/** Node has it when the handshake is done; false or null where the client sent none. */
function serverNameOf(socket: TLSSocket): string | null {
  const { servername } = socket as unknown as { readonly servername: string | false | null };
  return servername === false ? null : servername;
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

/** Never fails. */
async function findTenant(session: Session, servername: string): Promise<NamedTenant> {
  const { tenants, log } = session.engine.ports;
  try {
    return { servername, tenant: await tenants.find(servername) };
  } catch (error) {
    log.warn('no tenant could be looked up for a TLS server name', { sessionId: session.id, servername, error });
    return { servername, tenant: null };
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
