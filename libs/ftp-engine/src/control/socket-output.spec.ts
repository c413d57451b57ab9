import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { decodeName } from '@quayside/storage';
import { type ConnectedPair, connectedPair, testCertificate } from '@quayside/testing';
import { SocketOutput } from './socket-output.js';

/** More than the buffers of both ends hold. */
const MUCH = 16 * 1024 * 1024;
const LINE = `${'x'.repeat(1022)}\r\n`;

describe('SocketOutput', () => {
  let pairs: ConnectedPair[];

  beforeEach(() => {
    pairs = [];
  });
  afterEach(async () => {
    for (const pair of pairs) await pair.close();
  });

  interface Ends {
    readonly client: Socket;
    readonly accepted: Socket;
  }

  async function connection(): Promise<ConnectedPair> {
    const pair = await connectedPair();
    pairs.push(pair);
    return pair;
  }

  async function secured(): Promise<Ends> {
    const raw = await connection();
    const accepted = new TLSSocket(raw.accepted, {
      isServer: true,
      secureContext: createSecureContext(await testCertificate()),
    });
    accepted.on('error', () => {});
    const client = connectTls({ socket: raw.client, rejectUnauthorized: false });
    client.on('error', () => {});
    await Promise.all([once(client, 'secureConnect'), once(accepted, 'secure')]);
    return { client, accepted };
  }

  async function all(client: Socket): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of client) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('latin1');
  }

  describe.each([
    ['in clear', connection],
    ['over TLS', secured],
  ])('%s', (_, connected) => {
    it('writes all in order without the stream, and then the end', async () => {
      const { client, accepted } = await connected();
      const stream = jest.spyOn(accepted, 'write');
      const output = new SocketOutput(accepted, () => {});
      const read = all(client);
      accepted.resume();
      output.write('one\r\n');
      output.write('zw\u{e9}\u{4e2d}\r\n');
      output.write('three\r\n');
      output.end(false);
      output.write('after\r\n');
      expect(Buffer.from(await read, 'latin1')).toEqual(
        Buffer.concat(['one\r\n', 'zw\u{e9}\u{4e2d}\r\n', 'three\r\n'].map(decodeName)),
      );
      expect(stream).not.toHaveBeenCalled();
    });

    it('counts what a client leaves unread, and tells when it has gone', async () => {
      const { client, accepted } = await connected();
      let drained = 0;
      const output = new SocketOutput(accepted, () => drained++);
      accepted.resume();
      client.pause();
      for (let bytes = 0; bytes < MUCH; bytes += 64 * LINE.length) output.write(LINE.repeat(64));
      await sleep(20);
      expect(output.waitingBytes).toBeGreaterThan(1024 * 1024);
      expect(drained).toBe(0);
      // The line that is under way must outlive its writer's memory.
      output.write('\u{e9}nd\r\n');
      const read = all(client);
      await until(() => drained > 0);
      expect(output.waitingBytes).toBe(0);
      output.end(true);
      const text = await read;
      expect(text.length).toBe(MUCH + '\u{c3}\u{a9}nd\r\n'.length);
      expect(text.slice(-10)).toBe('xx\r\n\u{c3}\u{a9}nd\r\n'.slice(-10));
      await until(() => accepted.destroyed);
    });

    it('ends behind what waits', async () => {
      const { client, accepted } = await connected();
      const output = new SocketOutput(accepted, () => {});
      accepted.resume();
      client.pause();
      for (let bytes = 0; bytes < MUCH; bytes += 64 * LINE.length) output.write(LINE.repeat(64));
      output.end(true);
      await sleep(20);
      expect(accepted.destroyed).toBe(false);
      expect((await all(client)).length).toBe(MUCH);
      await until(() => accepted.destroyed);
    });

    it('tells of a connection that is gone by the error of the socket', async () => {
      const { client, accepted } = await connected();
      const errors: (string | undefined)[] = [];
      accepted.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code));
      const output = new SocketOutput(accepted, () => {});
      client.pause();
      for (let bytes = 0; bytes < MUCH; bytes += 64 * LINE.length) output.write(LINE.repeat(64));
      (client instanceof TLSSocket ? pairs[0]!.client : client).resetAndDestroy();
      await until(() => accepted.destroyed);
      output.write('more\r\n');
      expect(errors).toHaveLength(1);
      expect(['ECONNRESET', 'EPIPE']).toContain(errors[0]);
    });
  });

  it.each([
    ['in clear', connection],
    ['over TLS', secured],
  ])('tells, %s, of a connection that is gone before the write, which fails within the call', async (_, connected) => {
    const { client, accepted } = await connected();
    const errors: (string | undefined)[] = [];
    accepted.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code));
    const output = new SocketOutput(accepted, () => {});
    // Session tickets are on their way.
    await sleep(20);
    // The reset comes, and nobody reads it.
    (accepted as unknown as { _handle: { readStop(): void } })._handle.readStop();
    (client instanceof TLSSocket ? pairs[0]!.client : client).resetAndDestroy();
    await sleep(50);
    expect(accepted.destroyed).toBe(false);
    output.write('one\r\n');
    output.write('two\r\n');
    output.end(true);
    await until(() => errors.length > 0);
    expect(accepted.destroyed).toBe(true);
    expect(['ECONNRESET', 'EPIPE']).toContain(errors[0]);
    expect(output.waitingBytes).toBe(0);
  });

  it('lets TLS see, by the stream, that replies are still to be read', async () => {
    const { client, accepted } = await connection();
    const output = new SocketOutput(accepted, () => {});
    client.pause();
    for (let bytes = 0; bytes < MUCH; bytes += 64 * LINE.length) output.write(LINE.repeat(64));
    output.writeToStream('234 Go.\r\n');
    expect(accepted.writableLength).toBeGreaterThan(0);
    const read = all(client);
    output.end(false);
    expect((await read).slice(-11)).toBe('\r\n234 Go.\r\n'.slice(-11));
  });

  it('tells nobody once it is silenced', async () => {
    const { client, accepted } = await connection();
    let drained = 0;
    const output = new SocketOutput(accepted, () => drained++);
    client.pause();
    for (let bytes = 0; bytes < MUCH; bytes += 64 * LINE.length) output.write(LINE.repeat(64));
    output.silence();
    client.resume();
    await until(() => output.waitingBytes === 0);
    expect(drained).toBe(0);
  });

  it('uses the stream of what is no socket of Node', async () => {
    const stream = new PassThrough({ highWaterMark: 4 }) as unknown as Socket;
    let drained = 0;
    const output = new SocketOutput(stream, () => drained++);
    output.write('one\r\n');
    output.write('zw\u{e9}\r\n');
    expect(output.waitingBytes).toBe(11);
    expect(drained).toBe(0);
    stream.resume();
    await until(() => drained === 1);
    output.silence();
    expect(stream.listenerCount('drain')).toBe(0);
    output.end(false);
    await once(stream, 'end');
  });
});

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds() && tries < 1000; tries++) await sleep(5);
  expect(holds()).toBe(true);
}
