import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { createSecureContext, connect as connectTls, TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { testCertificate } from '@quayside/testing';
import { CountingPool } from '../testing/counting-pool.js';
import { ReceiveRing } from './receive-ring.js';

const BUFFER_BYTES = 128 * 1024;

describe('ReceiveRing', () => {
  let server: Server;
  let client: Socket;
  let accepted: Socket;
  let pool: CountingPool;

  beforeEach(async () => {
    pool = new CountingPool(BUFFER_BYTES, 64);
    server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    [accepted] = (await once(server, 'connection')) as [Socket];
  });
  afterEach(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });

  it('hands out what an accepted connection brings, whole and in order, and takes every buffer back', async () => {
    const content = randomBytes(5 * BUFFER_BYTES + 12_345);
    const copies: Buffer[] = [];
    const ring = ReceiveRing.attach(accepted, pool, (chunk) => {
      copies.push(Buffer.from(chunk));
      ring?.wrote(chunk.length);
    });
    expect(ring).not.toBeNull();
    ring!.start();
    accepted.resume();
    client.end(content);
    await once(accepted, 'end');
    expect(Buffer.concat(copies).equals(content)).toBe(true);
    expect(pool.out).toBe(1);
    ring!.close();
    await turn();
    expect(pool.out).toBe(0);
  });

  it('begins with what had come before it', async () => {
    const content = randomBytes(3 * BUFFER_BYTES);
    const early = content.subarray(0, 40_000);
    client.write(early);
    accepted.read(0);
    await once(accepted, 'readable');
    expect(accepted.readableLength).toBeGreaterThan(0);
    const copies: Buffer[] = [];
    const ring = ReceiveRing.attach(accepted, pool, (chunk) => {
      copies.push(Buffer.from(chunk));
      ring?.wrote(chunk.length);
    });
    ring!.start();
    accepted.resume();
    client.end(content.subarray(early.length));
    await once(accepted, 'end');
    expect(Buffer.concat(copies).equals(content)).toBe(true);
  });

  it('reads what comes under TLS, record behind record, whole over pauses, and takes every buffer back', async () => {
    const secureContext = createSecureContext(await testCertificate('localhost'));
    const secured = new TLSSocket(accepted, { isServer: true, secureContext });
    const secureClient = connectTls({ socket: client, rejectUnauthorized: false });
    await once(secured, 'secure');
    const content = randomBytes(8 * BUFFER_BYTES + 12_345);
    const chunks: Buffer[] = [];
    const ring = ReceiveRing.attach(secured, pool, (chunk) => {
      chunks.push(chunk);
      secured.pause();
      setImmediate(() => secured.resume());
    });
    expect(ring).not.toBeNull();
    ring!.start();
    secured.resume();
    secureClient.end(content);
    await once(secured, 'end');
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    // Less than a record of each buffer stays unused.
    expect(pool.out).toBeLessThanOrEqual(Math.ceil(content.length / (BUFFER_BYTES - 16 * 1024)));
    ring!.close();
    await turn();
    expect(pool.out).toBe(0);
    secureClient.destroy();
  });

  it('leaves chunks alone that have not been written, over pauses too', async () => {
    const content = randomBytes(8 * BUFFER_BYTES);
    const chunks: Buffer[] = [];
    let arrived = 0;
    const ring = ReceiveRing.attach(accepted, pool, (chunk) => {
      chunks.push(chunk);
      arrived += chunk.length;
      accepted.pause();
      setImmediate(() => accepted.resume());
    });
    ring!.start();
    accepted.resume();
    client.end(content);
    await once(accepted, 'end');
    expect(arrived).toBe(content.length);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    ring!.wrote(content.length - 1);
    expect(Buffer.from(chunks.at(-1)!.subarray(-1)).equals(content.subarray(-1))).toBe(true);
    ring!.close();
    await turn();
    expect(pool.out).toBe(0);
  });

  it('leaves a stream that is no TCP connection to its events', () => {
    expect(ReceiveRing.attach(new PassThrough() as unknown as Socket, pool, () => undefined)).toBeNull();
    expect(pool.out).toBe(0);
  });
});
