import { once } from 'node:events';
import { connect as connectTls, createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { type AddressInfo, createServer } from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { generate } from 'selfsigned';
import { limitTickets } from './tls-tickets.js';

describe('a context that limits its session tickets', () => {
  let pem: { readonly cert: string; readonly private: string };
  beforeAll(async () => {
    pem = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 });
  });

  const context = () => createSecureContext({ cert: pem.cert, key: pem.private });

  /** Session tickets that a TLS 1.3 client gets from a server with this context. */
  // oxlint-disable-next-line unicorn/consistent-function-scoping -- read beside the cases that use it
  async function ticketsFrom(secureContext: SecureContext): Promise<number> {
    const server = createServer((socket) => {
      const secured = new TLSSocket(socket, { isServer: true, secureContext });
      secured.on('secure', () => secured.end('bye'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    let tickets = 0;
    client.on('session', () => tickets++);
    client.resume();
    await once(client, 'close');
    server.close();
    return tickets;
  }

  it.each([0, 1])('sends %d where it could be set, and two where not', async (count) => {
    const changed = context();
    const limited = limitTickets(changed, count);
    expect(limited).toBe(process.platform === 'linux');
    expect(await ticketsFrom(context())).toBe(2);
    expect(await ticketsFrom(changed)).toBe(limited ? count : 2);
  });

  it('refuses what is not a secure context', () => {
    expect(limitTickets({ context: {} }, 0)).toBe(false);
    expect(limitTickets({} as never, 0)).toBe(false);
  });
});
