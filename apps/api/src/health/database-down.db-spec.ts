import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type ApiFixture, START_TIMEOUT_MS, startApi } from '../testing/api-fixture.js';

/** Stands between the API and PostgreSQL, so that a spec can take the database away without stopping it for others. */
class DatabaseProxy {
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #target: URL | undefined;

  async open(url: string): Promise<string> {
    this.#target = new URL(url);
    await this.restore();
    const proxied = new URL(url);
    proxied.hostname = '127.0.0.1';
    proxied.port = String(this.#port);
    return proxied.href;
  }

  async restore(): Promise<void> {
    const { hostname, port } = this.#target!;
    const server = createServer((near) => {
      const far = connect(Number(port), hostname);
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
      }
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async cut(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

const proxy = new DatabaseProxy();
let api: ApiFixture;

beforeAll(async () => {
  api = await startApi((url) => proxy.open(url));
}, START_TIMEOUT_MS);
afterAll(async () => {
  await api.stop();
  await proxy.cut();
});

describe('while the database is away', () => {
  it('answers 503 with a code and works again when it is back', async () => {
    expect((await api.call('GET', '/health/ready')).status).toBe(200);
    await proxy.cut();
    for (const [method, path, body] of [
      ['GET', '/health/ready', undefined],
      ['GET', '/v1/tenants', undefined],
      ['POST', '/v1/tenants', { slug: 'acme', name: 'ACME' }],
    ] as const) {
      const answer = await api.call(method, path, { body });
      expect([path, answer.status, answer.body.code]).toEqual([path, 503, 'database.unavailable']);
      expect(answer.headers.get('retry-after')).not.toBeNull();
      expect(JSON.stringify(answer.body)).not.toMatch(/ECONN|127\.0\.0\.1|terminated/);
    }
    expect((await api.call('GET', '/health/live')).status).toBe(200);
    await proxy.restore();
    expect((await api.call('POST', '/v1/tenants', { body: { slug: 'acme', name: 'ACME' } })).status).toBe(201);
    expect((await api.call('GET', '/health/ready')).status).toBe(200);
  });
});
