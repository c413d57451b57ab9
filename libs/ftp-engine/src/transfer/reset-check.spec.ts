import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { endedByReset } from './reset-check.js';
import { descriptorOf } from './socket-descriptor.js';

describe('endedByReset', () => {
  let server: Server;
  let peer: Socket;
  let accepted: Socket;

  beforeEach(async () => {
    server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connection = once(server, 'connection');
    peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(peer, 'connect');
    [accepted] = (await connection) as [Socket];
    accepted.on('error', () => {});
  });
  afterEach(() => {
    peer.destroy();
    accepted.destroy();
    server.close();
  });

  it('tells a reset, also where nothing was read yet', async () => {
    peer.resetAndDestroy();
    await delay(50);
    expect(endedByReset(descriptorOf(accepted))).toBe(true);
  });

  it('is false for a graceful end and for a connection that goes on', async () => {
    expect(endedByReset(descriptorOf(accepted))).toBe(false);
    peer.end();
    await delay(50);
    expect(endedByReset(descriptorOf(accepted))).toBe(false);
  });

  it('is false where the descriptor is gone', () => {
    accepted.destroy();
    expect(endedByReset(descriptorOf(accepted))).toBe(false);
  });
});
