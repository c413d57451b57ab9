import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import type { StorageWriter } from '@quayside/storage';
import type { QuotaLease } from '../ports.js';
import { SocketSource } from './byte-source.js';
import { freeUpload } from '../testing/upload-options.js';
import { UploadStream, type UploadStreamOptions } from './upload-stream.js';

const MIB = 1024 * 1024;

function streamOf(
  socket: PassThrough,
  options: Pick<UploadStreamOptions, 'writer' | 'lease'> & Partial<UploadStreamOptions>,
): UploadStream {
  return new UploadStream({
    source: new SocketSource(socket as unknown as Socket, socket as unknown as Socket, null),
    decoder: { push: (chunk: Buffer) => chunk, end: () => Buffer.alloc(0) } as never,
    ...freeUpload(),
    ...options,
  });
}

describe('large writes', () => {
  /** The bytes of each write of an upload of 70 MiB, by the way that they went. */
  async function written(cores: number, slow: (bytes: number) => boolean): Promise<{ here: number[]; hop: number[] }> {
    const here: number[] = [];
    const hop: number[] = [];
    let bytes = 0;
    const writer = {
      get bytes() {
        return bytes;
      },
      writeSync: (chunk: Uint8Array) => {
        const until = performance.now() + (slow(bytes) ? 6 : 0);
        while (performance.now() < until);
        bytes += chunk.length;
        here.push(chunk.length);
      },
      write: async (chunks: Uint8Array[]) => {
        for (const { length } of chunks) {
          bytes += length;
          hop.push(length);
        }
      },
    } as unknown as StorageWriter;
    const socket = new PassThrough();
    const stream = streamOf(socket, {
      writer,
      lease: { coveredBytes: 1024 * MIB } as unknown as QuotaLease,
      cores: () => cores,
    });
    const running = stream.run();
    for (let n = 0; n < 70; n++) if (!socket.write(Buffer.alloc(MIB))) await once(socket, 'drain');
    socket.end();
    await running;
    expect(stream.storedBytes).toBe(70 * MIB);
    return { here, hop };
  }

  function sum(lengths: number[]): number {
    return lengths.reduce((total, length) => total + length, 0);
  }

  it('need a thread only where there is a second core for it', async () => {
    expect(sum((await written(2, () => false)).hop)).toBe(70 * MIB);
    expect(sum((await written(1, () => false)).here)).toBe(70 * MIB);
  });

  it('go to a thread for a while after a disk was behind with one', async () => {
    const { here, hop } = await written(1, (bytes) => bytes < 2 * MIB);
    expect(sum(hop)).toBeGreaterThanOrEqual(60 * MIB);
    expect(here.length).toBeGreaterThan(1);
    expect(sum(here) + sum(hop)).toBe(70 * MIB);
  });

  it('stay where they are after one that was slow alone', async () => {
    expect(sum((await written(1, (bytes) => bytes === 0)).here)).toBe(70 * MIB);
  });
});

describe('the question for quota ahead of need', () => {
  it('is over before the upload is: what it reserves later would be reserved for nobody', async () => {
    const socket = new PassThrough();
    let bytes = 0;
    let ask!: (signal: AbortSignal) => void;
    let answer!: (coveredBytes: number) => void;
    const asked = new Promise<AbortSignal>((resolve) => (ask = resolve));
    const answered = new Promise<number>((resolve) => (answer = resolve));
    const stream = streamOf(socket, {
      writer: {
        get bytes() {
          return bytes;
        },
        writeSync: null,
        write: async (chunks: Uint8Array[]) => void (bytes += chunks.reduce((sum, chunk) => sum + chunk.length, 0)),
      } as unknown as StorageWriter,
      lease: {
        coveredBytes: MIB,
        extend: (_total: number, _needed: number, signal: AbortSignal) => {
          ask(signal);
          return answered;
        },
      } as unknown as QuotaLease,
    });
    let ended = false;
    const running = stream.run().then(() => (ended = true));
    socket.write(Buffer.alloc(MIB / 2));
    const signal = await asked;
    socket.end();
    if (!signal.aborted) await once(signal, 'abort');
    expect(ended).toBe(false);
    answer(MIB);
    await running;
    expect(stream.storedBytes).toBe(MIB / 2);
  });
});
