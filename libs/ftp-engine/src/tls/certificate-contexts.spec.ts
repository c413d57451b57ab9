import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as tlsConnect, type SecureVersion, TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { testCertificate } from '@quayside/testing';
import { CertificateContexts, newTicketKeys, TicketBinding } from './certificate-contexts.js';

let server: Server;
const sockets: Socket[] = [];

beforeEach(async () => {
  server = createServer({ pauseOnConnect: true, noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

interface Handshake {
  readonly client: TLSSocket;
  readonly server: TLSSocket;
  /** Tickets that arrived within the handshake's first exchange of data. */
  readonly tickets: Buffer[];
}

/** A handshake as the engine makes it, with bytes to and fro so that tickets have arrived. */
async function handshake(
  contexts: CertificateContexts,
  kind: 'control' | 'data',
  binding: TicketBinding,
  version: SecureVersion,
  session?: Buffer,
  ciphers?: string,
): Promise<Handshake> {
  const accepted = once(server, 'connection');
  const raw = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [socket] = await accepted;
  const secured = new TLSSocket(socket, { isServer: true, secureContext: contexts.contextFor(kind, binding) });
  const client = tlsConnect({
    socket: raw,
    session,
    minVersion: version,
    maxVersion: version,
    rejectUnauthorized: false,
    ciphers,
  });
  sockets.push(raw, socket, secured, client);
  const tickets: Buffer[] = [];
  client.on('session', (ticket) => tickets.push(ticket));
  await Promise.all([once(client, 'secureConnect'), once(secured, 'secure')]);
  for (let count = 0; count < 2; count++) {
    client.write('x');
    await once(secured, 'data');
    secured.write('x');
    await once(client, 'data');
  }
  return { client, server: secured, tickets };
}

describe.each([
  ['shared contexts', true],
  ['contexts of each session', false],
] as const)('CertificateContexts with %s', (_, shareContexts) => {
  describe.each(['TLSv1.2', 'TLSv1.3'] as const)('on %s', (version) => {
    it('resumes the control session on a data connection', async () => {
      const contexts = new CertificateContexts(await testCertificate(), newTicketKeys(), null, shareContexts);
      const binding = new TicketBinding();
      const control = await handshake(contexts, 'control', binding, version);
      for (let count = 0; count < 3; count++) {
        const data = await handshake(contexts, 'data', binding, version, control.tickets.at(-1));
        expect(data.server.isSessionReused()).toBe(true);
        expect(data.client.isSessionReused()).toBe(true);
      }
    });

    it('does not resume a ticket of another control session', async () => {
      const contexts = new CertificateContexts(await testCertificate(), newTicketKeys(), null, shareContexts);
      const mine = new TicketBinding();
      const foreign = await handshake(contexts, 'control', new TicketBinding(), version);
      await handshake(contexts, 'control', mine, version);
      const data = await handshake(contexts, 'data', mine, version, foreign.tickets.at(-1));
      expect(data.server.isSessionReused()).toBe(false);
    });

    it('still resumes after other sessions came in between', async () => {
      const contexts = new CertificateContexts(await testCertificate(), newTicketKeys(), null, shareContexts);
      const first = new TicketBinding();
      const control = await handshake(contexts, 'control', first, version);
      const other = new TicketBinding();
      const otherControl = await handshake(contexts, 'control', other, version);
      const data = await handshake(contexts, 'data', first, version, control.tickets.at(-1));
      expect(data.server.isSessionReused()).toBe(true);
      const otherData = await handshake(contexts, 'data', other, version, otherControl.tickets.at(-1));
      expect(otherData.server.isSessionReused()).toBe(true);
    });
  });

  it('sends one ticket on control connections where their number can be set', async () => {
    const contexts = new CertificateContexts(await testCertificate(), newTicketKeys(), null, shareContexts);
    const { tickets } = await handshake(contexts, 'control', new TicketBinding(), 'TLSv1.3');
    expect(tickets).toHaveLength(process.platform === 'linux' ? 1 : 2);
  });

  it('sends tickets on control connections and none after a full handshake on data connections', async () => {
    const contexts = new CertificateContexts(await testCertificate(), newTicketKeys(), null, shareContexts);
    const binding = new TicketBinding();
    expect((await handshake(contexts, 'control', binding, 'TLSv1.3')).tickets.length).toBeGreaterThan(0);
    expect((await handshake(contexts, 'data', binding, 'TLSv1.3')).tickets).toHaveLength(0);
  });

  it.each(['AES128-SHA', 'AES256-GCM-SHA384', 'ECDHE-RSA-AES128-SHA256'])('refuses %s', async (ciphers) => {
    const contexts = new CertificateContexts(await testCertificate(), newTicketKeys(), null, shareContexts);
    const weak = handshake(contexts, 'control', new TicketBinding(), 'TLSv1.2', undefined, ciphers);
    await expect(weak).rejects.toThrow(/handshake failure|no shared cipher/i);
  });

  it('refuses renegotiation', async () => {
    const contexts = new CertificateContexts(await testCertificate(), newTicketKeys(), null, shareContexts);
    const { client } = await handshake(contexts, 'control', new TicketBinding(), 'TLSv1.2');
    const refused = await new Promise<Error | null>((resolve) => {
      client.on('error', resolve);
      client.renegotiate({ rejectUnauthorized: false }, resolve);
    });
    expect(refused?.message).toMatch(/no renegotiation/i);
  });

  it('refuses TLS 1.1', async () => {
    const contexts = new CertificateContexts(await testCertificate(), newTicketKeys(), null, shareContexts);
    await expect(handshake(contexts, 'control', new TicketBinding(), 'TLSv1.1')).rejects.toThrow(/protocol/i);
  });
});

describe('CertificateContexts', () => {
  it('refuses a key that does not belong to the certificate', async () => {
    const one = await testCertificate('one.example');
    const two = await testCertificate('two.example');
    expect(() => new CertificateContexts({ cert: one.cert, key: two.key }, newTicketKeys())).toThrow(/mismatch/);
  });
});
