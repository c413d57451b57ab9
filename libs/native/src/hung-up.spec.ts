import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ConnectedPair, connectedPair } from '@quayside/testing';
import { cLibrary } from './c-library.js';
import { hasHungUp } from './hung-up.js';

const descriptorOf = (socket: Socket): number => (socket as unknown as { _handle: { fd: number } })._handle.fd;

(cLibrary() === null ? describe.skip : describe)('a socket that nobody reads', () => {
  let pair: ConnectedPair;
  let client: Socket;
  let socket: Socket;
  beforeEach(async () => {
    pair = await connectedPair();
    ({ client, accepted: socket } = pair);
    client.write('unread');
  });
  afterEach(() => pair.close());

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
