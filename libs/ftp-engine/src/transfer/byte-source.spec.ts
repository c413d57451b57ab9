import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { acceptBare, PlainConnection } from '../data/plain-connection.js';
import { CountingPool } from '../testing/counting-pool.js';
import { type ByteSink, type ByteSource, SocketSource, sourceOf } from './byte-source.js';

const BUFFER_BYTES = 128 * 1024;

class Collector implements ByteSink {
  readonly chunks: Buffer[] = [];
  readonly over: Promise<'end' | Error>;
  source: ByteSource | null = null;
  #resolve!: (how: 'end' | Error) => void;

  constructor() {
    this.over = new Promise((resolve) => (this.#resolve = resolve));
  }

  onData(chunk: Buffer): void {
    this.chunks.push(Buffer.from(chunk));
    this.source?.wrote(chunk.length);
  }

  onEnd(): void {
    this.#resolve('end');
  }

  onError(error: Error): void {
    this.#resolve(error);
  }

  onClose(): void {
    this.#resolve(new Error('closed'));
  }

  get content(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

describe('the bytes of a data connection', () => {
  let server: Server;
  let client: Socket;
  let accepted: PlainConnection;
  let pool: CountingPool;
  let bare: boolean;

  beforeEach(async () => {
    pool = new CountingPool(BUFFER_BYTES, 64);
    server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connection = new Promise<PlainConnection>((resolve) => {
      bare = acceptBare(server, resolve);
      if (!bare) server.once('connection', (socket: Socket) => resolve(new PlainConnection(socket)));
    });
    client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('error', () => {});
    accepted = await connection;
  });
  afterEach(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });

  const read = (how: 'handle' | 'socket'): { source: ByteSource; sink: Collector } => {
    const sink = new Collector();
    const source =
      how === 'socket'
        ? new SocketSource(accepted.socket, accepted.socket, pool)
        : sourceOf({ plain: accepted, tls: false, socket: null as never }, pool, false);
    sink.source = source;
    source.start(sink);
    return { source, sink };
  };

  it('comes without a socket where Node lets the handle be seen, and tells whose it is', () => {
    expect(bare).toBe(true);
    expect(accepted.handle).not.toBeNull();
    expect(accepted.remoteAddress).toBe('127.0.0.1');
    expect(accepted.destroyed).toBe(false);
  });

  for (const how of ['handle', 'socket'] as const) {
    it(`arrive whole and in order by ${how}, and all memory goes back`, async () => {
      const content = randomBytes(7 * BUFFER_BYTES + 12_345);
      const { source, sink } = read(how);
      client.end(content);
      expect(await sink.over).toBe('end');
      expect(source.endedByReset()).toBe(false);
      expect(sink.content.equals(content)).toBe(true);
      source.stop();
      source.release();
      await new Promise(setImmediate);
      expect(pool.out).toBe(0);
    });

    it(`tell by ${how} that the client has reset`, async () => {
      const { source, sink } = read(how);
      client.write('some');
      client.resetAndDestroy();
      // Where the reset comes together with bytes, libuv reports a plain end.
      const over = await sink.over;
      expect(over !== 'end' || source.endedByReset()).toBe(true);
    });
  }

  it('wait while they are not wanted', async () => {
    const { source, sink } = read('handle');
    source.pause();
    client.write('later');
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    const early = sink.content.length;
    source.resume();
    client.end();
    expect(await sink.over).toBe('end');
    expect([early, sink.content.toString()]).toEqual([0, 'later']);
  });

  it('stop where nobody wants them any more, and the client sees the close', async () => {
    const { source, sink } = read('handle');
    client.write('first');
    while (sink.chunks.length === 0) await new Promise(setImmediate);
    const closed = once(client.resume(), 'close');
    source.destroy();
    source.stop();
    source.release();
    await closed;
    expect([accepted.destroyed, accepted.handle, pool.out]).toEqual([true, null, 0]);
    source.resume();
    expect(source.endedByReset()).toBe(false);
  });

  it('are those of a socket from the moment that somebody asks for one', async () => {
    const { socket } = accepted;
    expect(accepted.handle).toBeNull();
    expect(accepted.socket).toBe(socket);
    expect(socket.isPaused()).toBe(true);
    client.end('by the socket');
    const chunks: Buffer[] = [];
    for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('by the socket');
    accepted.destroy();
    expect(socket.destroyed).toBe(true);
  });

  it('end no process where a socket fails that nobody reads yet', () => {
    const { socket } = accepted;
    sourceOf({ plain: accepted, tls: false, socket }, pool, false);
    expect(() => socket.emit('error', new Error('reset'))).not.toThrow();
  });

  it('come by sockets where a server has no handle of the expected form', () => {
    expect(acceptBare(createServer(), () => undefined)).toBe(false);
  });

  it('come from a destroyed socket where the connection is gone', () => {
    accepted.destroy();
    expect(accepted.remoteAddress).toBeUndefined();
    expect(accepted.socket.destroyed).toBe(true);
  });
});
