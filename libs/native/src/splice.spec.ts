import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ConnectedPair, connectedPair } from '@quayside/testing';
import { cLibrary } from './c-library.js';
import { canMoveToFile, moveToFile } from './splice.js';

const where = process.platform === 'linux' ? describe : describe.skip;

where('moveToFile', () => {
  const content = randomBytes(3 * 1024 * 1024 + 123);
  let folder: string;
  let path: string;
  let fileFd: number;
  let sender: Socket;
  let receiver: Socket;
  let pair: ConnectedPair;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quayside-splice-'));
    path = join(folder, 'file');
    fileFd = openSync(path, 'w+');
    pair = await connectedPair();
    ({ client: sender, accepted: receiver } = pair);
  });
  afterEach(async () => {
    await pair.close();
    closeSync(fileFd);
    rmSync(folder, { recursive: true });
  });

  const socketFd = (): number => (receiver as unknown as { _handle: { fd: number } })._handle.fd;

  /** Moves until so much has come; what was handed back is put together in `rest`. */
  async function moveAll(bytes: number, at: number, most: number): Promise<{ moved: number; rest: Buffer }> {
    let moved = 0;
    let rest = Buffer.alloc(0);
    for (let tries = 0; moved + rest.length < bytes && tries < 10_000; tries++) {
      const step = moveToFile(socketFd(), fileFd, at + moved, most)!;
      expect(step.bytes + (step.rest?.length ?? 0)).toBeLessThanOrEqual(most);
      moved += step.bytes;
      if (step.rest !== null) rest = Buffer.concat([rest, step.rest]);
      if (step.bytes === 0) await sleep(1);
    }
    return { moved, rest };
  }

  it('is there where koffi is', () => {
    expect(canMoveToFile()).toBe(cLibrary() !== null);
  });

  it('is closed to what is no connection, of which nothing is taken', () => {
    writeFileSync(path, 'some');
    const other = openSync(join(folder, 'other'), 'w+');
    const folderFd = openSync(folder, 'r');
    expect(moveToFile(folderFd, other, 0, 65_536)).toBeNull();
    closeSync(folderFd);
    closeSync(other);
  });

  it('moves what comes behind what the file has, in pieces, and nothing where nothing came or the peer has ended', async () => {
    writeFileSync(path, 'head');
    expect(moveToFile(socketFd(), fileFd, 4, 65_536)).toEqual({ bytes: 0, rest: null });
    sender.end(content);
    expect(await moveAll(content.length, 4, 100_000)).toEqual({ moved: content.length, rest: Buffer.alloc(0) });
    await sleep(10);
    expect(moveToFile(socketFd(), fileFd, 4 + content.length, 65_536)).toEqual({ bytes: 0, rest: null });
    expect(readFileSync(path).equals(Buffer.concat([Buffer.from('head'), content]))).toBe(true);
  });

  it('hands back what a file does not take, and goes on with the next one', async () => {
    closeSync(fileFd);
    // splice(2) has no way of appending.
    fileFd = openSync(path, 'a');
    sender.write(content);
    const { moved, rest } = await moveAll(200_000, 0, 200_000);
    expect(moved).toBe(0);
    expect(rest.equals(content.subarray(0, rest.length))).toBe(true);
    closeSync(fileFd);
    fileFd = openSync(path, 'w+');
    sender.end();
    const left = content.length - rest.length;
    expect(await moveAll(left, 0, 1024 * 1024)).toEqual({ moved: left, rest: Buffer.alloc(0) });
    expect(readFileSync(path).equals(content.subarray(rest.length))).toBe(true);
  });

  it('throws where the connection was reset, once', async () => {
    sender.write('some');
    await moveAll(4, 0, 65_536);
    sender.resetAndDestroy();
    let code: unknown = null;
    for (let tries = 0; code === null && tries < 1000; tries++) {
      try {
        moveToFile(socketFd(), fileFd, 4, 65_536);
        await sleep(1);
      } catch (error) {
        ({ code } = error as NodeJS.ErrnoException);
      }
    }
    expect(code).toBe('ECONNRESET');
  });
});
