import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import type { StorageWriter } from '@quayside/storage';
import type { QuotaLease } from '../ports.js';
import { SocketSource } from './byte-source.js';
import type { Pace } from './rates.js';
import { UploadStream } from './upload-stream.js';

const MIB = 1024 * 1024;

describe('the question for quota ahead of need', () => {
  it('is over before the upload is: what it reserves later would be reserved for nobody', async () => {
    const socket = new PassThrough();
    let bytes = 0;
    let ask!: (signal: AbortSignal) => void;
    let answer!: (coveredBytes: number) => void;
    const asked = new Promise<AbortSignal>((resolve) => (ask = resolve));
    const answered = new Promise<number>((resolve) => (answer = resolve));
    const stream = new UploadStream({
      source: new SocketSource(socket as unknown as Socket, socket as unknown as Socket, null),
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
      decoder: { push: (chunk: Buffer) => chunk, end: () => Buffer.alloc(0) } as never,
      hash: null,
      pace: { isFree: true, take: () => 0, waitMs: () => 0 } as unknown as Pace,
      stallMs: 60_000,
      maxBytes: () => null,
      signal: new AbortController().signal,
      onProgress: () => undefined,
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
