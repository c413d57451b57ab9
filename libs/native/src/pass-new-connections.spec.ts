import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { passNewConnections } from './pass-new-connections.js';
import { listenReusePort } from './reuse-port.js';

// Kernels may leave socket filters to root (CAP_NET_ADMIN): the one case for everybody else is at the end.
const isRoot = process.getuid?.() === 0;
const linux = process.platform === 'linux' && isRoot ? describe : describe.skip;

linux('a listening socket that is to be closed while others share its port', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0).filter(({ listening }) => listening)) {
      server.close();
      await once(server, 'close');
    }
  });

  async function serve(name: string, port: number): Promise<{ server: Server; fd: number }> {
    const fd = listenReusePort({ host: '127.0.0.1', port })!;
    const server = createServer((socket) => socket.end(name));
    servers.push(server);
    server.listen({ fd });
    await once(server, 'listening');
    return { server, fd };
  }

  // oxlint-disable-next-line unicorn/consistent-function-scoping -- read beside the cases that use it
  async function servedBy(port: number): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of connect(port, '127.0.0.1')) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  }

  it('leaves new connections to the others, and none of them is reset', async () => {
    const leaving = await serve('leaving', 0);
    const { port } = leaving.server.address() as AddressInfo;
    await serve('staying', port);
    expect(new Set(await Promise.all(Array.from({ length: 40 }, () => servedBy(port))))).toEqual(
      new Set(['leaving', 'staying']),
    );
    expect(passNewConnections(leaving.fd)).toBe(true);
    // Half of these meet the deaf socket first.
    const served = Array.from({ length: 40 }, () => servedBy(port));
    await new Promise((resolve) => setTimeout(resolve, 200));
    leaving.server.close();
    expect(new Set(await Promise.all(served))).toEqual(new Set(['staying']));
  });

  it('finishes what has begun', async () => {
    const leaving = await serve('leaving', 0);
    const { port } = leaving.server.address() as AddressInfo;
    const begun = connect(port, '127.0.0.1');
    await once(begun, 'connect');
    expect(passNewConnections(leaving.fd)).toBe(true);
    const [chunk] = (await once(begun, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('leaving');
  });
});

describe('passNewConnections', () => {
  it('is false where there is no such socket, and throws nothing', () => {
    expect(passNewConnections(-1)).toBe(false);
  });
});
