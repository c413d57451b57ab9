import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ConnectedPair, connectedPair } from '@quayside/testing';
import { hasSendFile, sendFile } from './sendfile.js';

const where = hasSendFile() ? describe : describe.skip;

where('sendfile', () => {
  const bytes = randomBytes(8 * 1024 * 1024 + 123);
  let folder: string;
  let fileFd: number;
  let sender: Socket;
  let receiver: Socket;
  let pair: ConnectedPair;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quayside-sendfile-'));
    writeFileSync(join(folder, 'file'), bytes);
    fileFd = openSync(join(folder, 'file'), 'r');
    pair = await connectedPair();
    ({ client: receiver, accepted: sender } = pair);
    receiver.pause();
  });
  afterEach(async () => {
    await pair.close();
    closeSync(fileFd);
    rmSync(folder, { recursive: true });
  });

  const socketFd = () => (sender as unknown as { _handle: { fd: number } })._handle.fd;
  // oxlint-disable-next-line unicorn/consistent-function-scoping -- read beside the cases that use it
  const openDescriptors = () => new Set(readdirSync('/proc/self/fd'));

  async function received(): Promise<string> {
    const hash = createHash('sha256');
    for await (const chunk of receiver) hash.update(chunk as Buffer);
    return hash.digest('hex');
  }

  // oxlint-disable-next-line unicorn/consistent-function-scoping -- read beside the cases that use it
  function sha256(data: Buffer): string {
    return createHash('sha256').update(data).digest('hex');
  }

  it('sends a range through a socket that fills up, and reports every byte', async () => {
    const hash = received();
    const pieces: number[] = [];
    const before = openDescriptors();
    const sent = await sendFile({
      socketFd: socketFd(),
      fileFd,
      start: 1000,
      length: bytes.length - 2000,
      signal: new AbortController().signal,
      onProgress: (count) => void pieces.push(count),
    });
    // What earlier specs of the process close meanwhile is none of its business.
    expect([...openDescriptors()].filter((fd) => !before.has(fd))).toEqual([]);
    sender.end();
    expect(sent).toBe(bytes.length - 2000);
    expect(pieces.reduce((sum, count) => sum + count, 0)).toBe(sent);
    expect(await hash).toBe(sha256(bytes.subarray(1000, -1000)));
  });

  it('ends where the file ends', async () => {
    const hash = received();
    const { signal } = new AbortController();
    const sent = await sendFile({ socketFd: socketFd(), fileFd, start: bytes.length - 10, length: 1000, signal });
    sender.end();
    expect(sent).toBe(10);
    expect(await hash).toBe(sha256(bytes.subarray(-10)));
  });

  it('waits between pieces when progress asks for it', async () => {
    const hash = received();
    let waiting = 0;
    await sendFile({
      socketFd: socketFd(),
      fileFd,
      start: 0,
      length: 256 * 1024,
      pieceBytes: 64 * 1024,
      signal: new AbortController().signal,
      async onProgress() {
        expect(++waiting).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        waiting--;
      },
    });
    sender.end();
    expect(await hash).toBe(sha256(bytes.subarray(0, 256 * 1024)));
  });

  it('stops with the reason of its signal while the peer does not read', async () => {
    const abort = new AbortController();
    const before = openDescriptors();
    let sent = 0;
    const onProgress = (count: number) => {
      sent += count;
    };
    const sending = sendFile({
      socketFd: socketFd(),
      fileFd,
      start: 0,
      length: 1e12,
      signal: abort.signal,
      onProgress,
    });
    setTimeout(() => abort.abort(new Error('enough')), 50);
    await expect(sending).rejects.toThrow('enough');
    expect(sent).toBeLessThanOrEqual(bytes.length);
    // What earlier specs of the process close meanwhile is none of its business.
    expect([...openDescriptors()].filter((fd) => !before.has(fd))).toEqual([]);
  });

  it('fails when the peer goes away', async () => {
    const sending = sendFile({
      socketFd: socketFd(),
      fileFd,
      start: 0,
      length: bytes.length,
      pieceBytes: 64 * 1024,
      signal: new AbortController().signal,
      onProgress: () => void receiver.resetAndDestroy(),
    });
    await expect(sending).rejects.toMatchObject({ code: expect.stringMatching(/^(EPIPE|ECONNRESET)$/) });
  });

  it('survives that Node closes the socket meanwhile', async () => {
    const hash = received();
    const sending = sendFile({
      socketFd: socketFd(),
      fileFd,
      start: 0,
      length: 128 * 1024,
      pieceBytes: 64 * 1024,
      signal: new AbortController().signal,
      onProgress: () => void sender.destroy(),
    });
    expect(await sending).toBe(128 * 1024);
    expect(await hash).toBe(sha256(bytes.subarray(0, 128 * 1024)));
  });
});
