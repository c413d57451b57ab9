import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { testAuthority, type TestAuthority, type TestCertificate } from '@quayside/testing';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createPlainServer, type AddressInfo, type Socket } from 'node:net';
import type { EgressPolicy } from './egress-policy.js';
import { postWebhook, type WebhookAnswer } from './webhook-request.js';

const HOST = 'hooks.test';
const servers: { close(): unknown }[] = [];
const sockets = new Set<Socket>();
let authority: TestAuthority;
let certificate: TestCertificate;

beforeAll(async () => {
  authority = await testAuthority();
  certificate = await authority.issueForHost(HOST);
}, 60_000);
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});
afterAll(() => sockets.clear());

async function listening(server: Server | ReturnType<typeof createPlainServer>, host = '127.0.0.1'): Promise<number> {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)));
  });
  server.listen(0, host);
  await once(server, 'listening');
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

const secure = (pair: TestCertificate, listener: RequestListener): Server => createSecureServer(pair, listener);

/** Names lead to this machine, which the policy of a spec allows. */
function send(url: string, policy: Partial<EgressPolicy> = {}, timeoutMs = 20_000): Promise<WebhookAnswer> {
  const resolve = (): Promise<{ address: string }[]> => Promise.resolve([{ address: '127.0.0.1' }]);
  return postWebhook({
    url,
    headers: { 'webhook-id': 'one' },
    body: '{"a":1}',
    policy: { allowPrivate: true, resolve, ...policy },
    timeoutMs,
    signal: new AbortController().signal,
  });
}

const thanks: RequestListener = (request, response) => {
  request.resume().on('end', () => response.writeHead(200).end('thanks'));
};

describe('postWebhook over https', () => {
  it('takes a certificate of a trusted authority for the name', async () => {
    const port = await listening(secure(certificate, thanks));
    await expect(send(`https://${HOST}:${port}/`, { ca: authority.cert })).resolves.toMatchObject({ status: 200 });
  });

  it.each([
    ['of an authority that the system does not know', HOST, false, /unable to verify|issuer|self-signed/i],
    ['for another name', 'other.test', true, /altnames/i],
  ])('refuses a certificate %s and sends nothing', async (_what, host, trusted, message) => {
    let asked = 0;
    const port = await listening(
      secure(certificate, (request, response) => {
        asked++;
        thanks(request, response);
      }),
    );
    const policy = trusted ? { ca: authority.cert } : {};
    await expect(send(`https://${host}:${port}/`, policy)).rejects.toThrow(message);
    expect(asked).toBe(0);
  });
});

describe('postWebhook', () => {
  it('looks a name up once and connects to the address that it has judged', async () => {
    const port = await listening(createServer(thanks));
    const answers = ['127.0.0.1', '127.0.0.99'];
    let asked = 0;
    const resolve = (): Promise<{ address: string }[]> => Promise.resolve([{ address: answers[asked++]! }]);
    await expect(send(`http://rebinding.test:${port}/`, { resolve })).resolves.toMatchObject({ status: 200 });
    expect(asked).toBe(1);
  });

  it.each([
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0177.0.0.1/',
    'https://0.0.0.0/',
    'https://0/',
    'https://[::]/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[fe80::1]/',
    'https://[fc00::1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://100.64.0.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.0.0.1/',
    `https://${HOST}/`,
  ])('connects nowhere for %s', async (url) => {
    await expect(send(url, { allowPrivate: false })).rejects.toThrow('the host has no public address');
  });

  it('follows no redirect', async () => {
    const seen: string[] = [];
    const port = await listening(
      createServer((request, response) => {
        seen.push(request.url!);
        request.resume();
        response.writeHead(307, { location: '/elsewhere' }).end();
      }),
    );
    await expect(send(`http://${HOST}:${port}/`)).resolves.toMatchObject({ status: 307 });
    expect(seen).toEqual(['/']);
  });

  it('reads no more of an endless answer than it may, and hangs up', async () => {
    let hungUp!: () => void;
    const over = new Promise<void>((resolve) => (hungUp = resolve));
    const port = await listening(
      createServer((request, response) => {
        request.resume();
        response.writeHead(200).on('close', hungUp);
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(16_384)));
        };
        response.on('drain', more);
        more();
      }),
    );
    const { status, body } = await send(`http://${HOST}:${port}/`);
    expect([status, body.length]).toEqual([200, 1_000]);
    await over;
  });

  it('refuses headers without end', async () => {
    const port = await listening(
      createPlainServer((socket) => {
        socket.on('error', () => undefined);
        socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`);
      }),
    );
    await expect(send(`http://${HOST}:${port}/`)).rejects.toThrow(/header/i);
  });

  it('waits no longer than it may for a name', async () => {
    const resolve = (): Promise<never> => new Promise(() => undefined);
    await expect(send('http://silent.test/', { resolve }, 50)).rejects.toThrow('no answer within 0.05 seconds');
  });

  it.each([
    ['a handshake', 'https'],
    ['an answer', 'http'],
  ])('waits no longer than it may for %s', async (_what, scheme) => {
    const port = await listening(createPlainServer((socket) => void socket.on('error', () => undefined).resume()));
    await expect(send(`${scheme}://${HOST}:${port}/`, {}, 200)).rejects.toThrow('no answer within 0.2 seconds');
  });

  it('takes the status where the body never ends', async () => {
    const port = await listening(
      createServer((request, response) => {
        request.resume();
        response.writeHead(202);
        response.write('so far');
      }),
    );
    await expect(send(`http://${HOST}:${port}/`, {}, 500)).resolves.toMatchObject({ status: 202, body: 'so far' });
  });
});
