import { closeSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { boundPort, listenReusePort } from './reuse-port.js';

const linux = process.platform === 'linux' ? describe : describe.skip;

linux('a listening socket that shares its port', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.close();
      await once(server, 'close');
    }
  });

  async function serve(host: string, port: number): Promise<Server> {
    const fd = listenReusePort({ host, port });
    const server = createServer((socket) => socket.end('hello'));
    servers.push(server);
    server.listen({ fd });
    await once(server, 'listening');
    return server;
  }

  // oxlint-disable-next-line unicorn/consistent-function-scoping -- read beside the cases that use it
  async function greetingFrom(host: string, port: number): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of connect(port, host)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  }

  it('serves connections on the port that the kernel chose', async () => {
    const server = await serve('127.0.0.1', 0);
    const { port } = server.address() as AddressInfo;
    expect(port).toBeGreaterThan(0);
    expect(await greetingFrom('127.0.0.1', port)).toBe('hello');
  });

  it('can be bound twice', async () => {
    const first = await serve('127.0.0.1', 0);
    const { port } = first.address() as AddressInfo;
    const second = await serve('127.0.0.1', port);
    expect((second.address() as AddressInfo).port).toBe(port);
  });

  it('tells its port before anything listens through Node', () => {
    const fd = listenReusePort({ host: '127.0.0.1', port: 0 })!;
    expect(boundPort(fd)).toBeGreaterThan(0);
    closeSync(fd);
  });

  it('takes both families on :: and IPv6 only on ::1', async () => {
    const both = (await serve('::', 0)).address() as AddressInfo;
    expect(await greetingFrom('127.0.0.1', both.port)).toBe('hello');
    expect(await greetingFrom('::1', both.port)).toBe('hello');
    const six = (await serve('::1', 0)).address() as AddressInfo;
    await expect(greetingFrom('127.0.0.1', six.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('says that a port is taken by one that does not share, or an address is not ours', async () => {
    const plain = createServer();
    servers.push(plain);
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const { port } = plain.address() as AddressInfo;
    expect(() => listenReusePort({ host: '127.0.0.1', port })).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
    expect(() => listenReusePort({ host: '192.0.2.1', port: 0 })).toThrow(
      expect.objectContaining({ code: 'EADDRNOTAVAIL' }),
    );
    expect(() => listenReusePort({ host: 'localhost', port: 0 })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});
