import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DomainError } from '@quayside/domain';
import { canMoveToFile } from '@quayside/native';
import type { StorageWriter } from '@quayside/storage';
import { acceptBare, PlainConnection } from '../data/plain-connection.js';
import type { QuotaLease } from '../ports.js';
import { CountingPool } from '../testing/counting-pool.js';
import { freeUpload } from '../testing/upload-options.js';
import { sourceOf } from './byte-source.js';
import type { Pace } from './rates.js';
import { TransferFailure } from './transfer-failure.js';
import { UploadStream, type UploadStreamOptions } from './upload-stream.js';

const MIB = 1024 * 1024;
const where = canMoveToFile() ? describe : describe.skip;

where('an upload in clear that nobody has to look at', () => {
  const content = randomBytes(24 * MIB + 123);
  let folder: string;
  let path: string;
  let server: Server;
  let client: Socket;
  let connection: PlainConnection;
  let writer: Pick<StorageWriter, 'bytes' | 'fd'> & { writeSync: (chunk: Uint8Array) => void };
  let movedBytes: number;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quayside-moves-'));
    path = join(folder, 'file');
    server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = new Promise<PlainConnection>((resolve) => {
      expect(acceptBare(server, resolve)).toBe(true);
    });
    client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('error', () => {});
    connection = await accepted;
    writer = open('w+');
  });
  afterEach(async () => {
    client.destroy();
    connection.destroy();
    server.close();
    await once(server, 'close');
    closeSync(writer.fd!);
    rmSync(folder, { recursive: true });
  });

  function open(flags: string): typeof writer {
    const fd = openSync(path, flags);
    movedBytes = 0;
    let bytes = 0;
    const own = {
      fd,
      get bytes() {
        return bytes;
      },
      advance: (more: number) => {
        bytes += more;
        movedBytes += more;
      },
      writeSync: (chunk: Uint8Array) => void (bytes += writeSync(fd, chunk, 0, chunk.length, bytes)),
      write: async (chunks: Uint8Array[]) => chunks.forEach((chunk) => own.writeSync(chunk)),
    };
    return own;
  }

  function streamOf(options: Partial<UploadStreamOptions> = {}): UploadStream {
    const pool = new CountingPool(256 * 1024, 64);
    const data = {
      tls: false,
      plain: connection,
      get socket(): Socket {
        throw new Error('no socket is needed');
      },
    };
    return new UploadStream({
      source: sourceOf(data, pool, false),
      writer: writer as unknown as StorageWriter,
      lease: { coveredBytes: 1024 * MIB } as unknown as QuotaLease,
      decoder: null,
      ...freeUpload(),
      cores: () => 2,
      writeMs: () => 0,
      ...options,
    });
  }

  const failureOf = async (running: Promise<void>): Promise<TransferFailure> => {
    const failure: unknown = await running.then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(TransferFailure);
    return failure as TransferFailure;
  };
  const stored = (): Buffer => readFileSync(path);

  it('does not count as stalled while it moves', async () => {
    const onProgress = (): void => {
      for (const until = performance.now() + 40; performance.now() < until;);
    };
    client.end(content);
    await streamOf({ stallMs: 200, onProgress }).run();
    expect(stored().equals(content)).toBe(true);
  });

  it('goes from the connection to the file, all but what is read first', async () => {
    const progress: number[] = [];
    const stream = streamOf({ onProgress: (bytes) => progress.push(bytes) });
    client.end(content);
    await stream.run();
    expect(stored().equals(content)).toBe(true);
    expect(movedBytes).toBeGreaterThan(content.length / 2);
    expect([stream.storedBytes, stream.receivedBytes, progress.at(-1)]).toEqual(Array(3).fill(content.length));
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  });

  it('arrives whole from a client that stops and goes on', async () => {
    const running = streamOf().run();
    for (let at = 0; at < content.length; at += 3 * MIB) {
      client.write(content.subarray(at, at + 3 * MIB));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    client.end();
    await running;
    expect(stored().equals(content)).toBe(true);
  });

  it('ends at the largest size of a file, to the byte', async () => {
    const cap = 9 * MIB + 7;
    client.write(content);
    const failure = await failureOf(streamOf({ maxBytes: () => cap }).run());
    expect(failure.code).toBe('quota.file-too-large');
    expect(movedBytes).toBeGreaterThan(0);
    expect(stored().equals(content.subarray(0, cap))).toBe(true);
  });

  it('asks for quota ahead of need, and ends with it, to the byte', async () => {
    const quota = 11 * MIB + 5;
    const lease = {
      coveredBytes: MIB,
      extend: async (total: number) => (lease.coveredBytes = Math.min(quota, total)),
    };
    client.write(content);
    const failure = await failureOf(streamOf({ lease: lease as unknown as QuotaLease }).run());
    expect(failure.code).toBe('quota.exceeded');
    expect(movedBytes).toBeGreaterThan(0);
    expect(stored().equals(content.subarray(0, quota))).toBe(true);
  });

  it('is held to a rate', async () => {
    let waiting = false;
    const taken: number[] = [];
    const moves: number[] = [];
    const take = (bytes: number): number => {
      // What had been read before the wait may still come.
      if (waiting && movedBytes > moves.at(-1)!) throw new Error('moved while it had to wait');
      taken.push(bytes);
      moves.push(movedBytes);
      waiting ||= taken.length % 5 === 0;
      return waiting ? 2 : 0;
    };
    const waitMs = (): number => {
      waiting = false;
      return 0;
    };
    client.end(content);
    await streamOf({ pace: { isFree: false, take, waitMs } as unknown as Pace }).run();
    expect(Math.max(...taken)).toBeLessThanOrEqual(256 * 1024);
    expect(taken.reduce((sum, bytes) => sum + bytes, 0)).toBe(content.length);
    expect(movedBytes).toBeGreaterThan(0);
    expect(stored().equals(content)).toBe(true);
  });

  it('is no file where the client resets the connection in the middle', async () => {
    const stream = streamOf({ onProgress: (bytes) => bytes > 4 * MIB && client.resetAndDestroy() });
    client.write(content);
    const failure = await failureOf(stream.run());
    expect([failure.code, failure.reason]).toEqual(['data.aborted', 'CONNECTION_RESET']);
    expect(stored().equals(content.subarray(0, stream.storedBytes))).toBe(true);
  });

  it('stops at once where it is told to', async () => {
    const stop = new AbortController();
    const stream = streamOf({
      signal: stop.signal,
      onProgress: (bytes) => bytes > 4 * MIB && stop.abort(new Error('told')),
    });
    client.write(content);
    await expect(stream.run()).rejects.toThrow('told');
    expect(connection.destroyed).toBe(true);
    expect(stored().equals(content.subarray(0, stream.storedBytes))).toBe(true);
  });

  it('goes by the usual way into a file that does not take it so', async () => {
    closeSync(writer.fd!);
    writer = open('a+');
    client.end(content);
    await streamOf().run();
    expect(movedBytes).toBe(0);
    expect(stored().equals(content)).toBe(true);
  });

  it('tells what the usual way says of a file that takes no more', async () => {
    closeSync(writer.fd!);
    writer = open('a+');
    const plain = writer.writeSync;
    writer.writeSync = (chunk) => {
      if (writer.bytes > 2 * MIB) throw new DomainError('storage.full');
      plain(chunk);
    };
    client.write(content);
    await expect(streamOf().run()).rejects.toMatchObject({ code: 'storage.full' });
    expect(stored().equals(content.subarray(0, writer.bytes))).toBe(true);
  });

  it('leaves it to a thread while the disk is behind', async () => {
    client.end(content);
    await streamOf({ writeMs: () => 6 }).run();
    expect(stored().equals(content)).toBe(true);
    expect(movedBytes).toBeLessThanOrEqual(2 * MIB);
  });
});
