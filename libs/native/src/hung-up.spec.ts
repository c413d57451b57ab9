import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { cLibrary } from './c-library.js';
import { hasHungUp } from './hung-up.js';

const descriptorOf = (socket: Socket): number => (socket as unknown as { _handle: { fd: number } })._handle.fd;

(cLibrary() === null ? describe.skip : describe)('a socket that nobody reads', () => {
  let server: Server;
  let client: Socket;
  let socket: Socket;
  beforeEach(async () => {
    server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    [socket] = (await accepted) as [Socket];
    socket.on('error', () => {});
    client.write('unread');
  });
  afterEach(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });

  const untilHungUp = async (): Promise<boolean> => {
    for (let turn = 0; turn < 10_000 && !hasHungUp(descriptorOf(socket)); turn++) await new Promise(setImmediate);
    return hasHungUp(descriptorOf(socket));
  };

  it('shows its peer alive', () => expect(hasHungUp(descriptorOf(socket))).toBe(false));

  it('shows that its peer has closed', async () => {
    client.end();
    expect(await untilHungUp()).toBe(true);
  });

  it('shows that its peer has reset it', async () => {
    client.resetAndDestroy();
    expect(await untilHungUp()).toBe(true);
  });
});
