import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, connect as connectTls, TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeName } from '@quayside/storage';
import { type ConnectedPair, connectedPair, testCertificate } from '@quayside/testing';
import { LineReader } from './line-reader.js';
import { SocketInput } from './socket-input.js';

describe('SocketInput', () => {
  let pairs: ConnectedPair[];

  beforeEach(() => {
    pairs = [];
  });
  afterEach(async () => {
    for (const pair of pairs) await pair.close();
  });

  async function connection(): Promise<ConnectedPair> {
    const pair = await connectedPair();
    pairs.push(pair);
    return pair;
  }

  /** Lines that come, as the control channel reads them. */
  function linesOf(input: SocketInput): string[] {
    const lines: string[] = [];
    const reader = new LineReader(512, encodeName);
    input.listen((chunk) => {
      reader.push(chunk);
      for (let line = reader.next(); line !== null; line = reader.next()) lines.push(String(line));
      reader.keep();
    });
    return lines;
  }

  it('keeps the halves of lines of two connections apart, which are read into one memory', async () => {
    const [one, two] = [await connection(), await connection()];
    const read = [linesOf(SocketInput.of(one.accepted)), linesOf(SocketInput.of(two.accepted))];
    const events: string[] = [];
    for (const { accepted } of [one, two]) accepted.on('data', () => events.push('data')).resume();
    for (const [mine, theirs] of [
      ['First al', 'First bo'],
      ['ice\r\nThen a', 'b\r\nThen \u{e9}'],
      ['\r\n', 'x\r\n'],
    ] as const) {
      one.client.write(mine);
      two.client.write(theirs);
      // Both are read before more is sent.
      await becomes(() =>
        expect([one.accepted.bytesRead, two.accepted.bytesRead]).toEqual([
          one.client.bytesWritten,
          two.client.bytesWritten,
        ]),
      );
    }
    await becomes(() =>
      expect(read).toEqual([
        ['First alice', 'Then a'],
        ['First bob', 'Then \u{e9}x'],
      ]),
    );
    // Node reads into the memory, and there was no stream.
    expect(events).toEqual([]);
  });

  it('stops while the socket is paused, goes on after, and tells the end', async () => {
    const { client, accepted } = await connection();
    const lines = linesOf(SocketInput.of(accepted));
    client.write('one\r\n');
    accepted.resume();
    await becomes(() => expect(lines).toHaveLength(1));
    accepted.pause();
    client.end('two\r\n');
    await once(client, 'finish');
    await sleep(50);
    expect(lines).toHaveLength(1);
    accepted.resume();
    await once(accepted, 'end');
    expect(lines).toEqual(['one', 'two']);
  });

  it('hands what comes to another listener, and to none', async () => {
    const { client, accepted } = await connection();
    const input = SocketInput.of(accepted);
    const first = linesOf(input);
    accepted.resume();
    client.write('ONE\r\n');
    await becomes(() => expect(first).toEqual(['ONE']));
    const second = linesOf(input);
    client.write('TWO\r\n');
    await becomes(() => expect(second).toEqual(['TWO']));
    input.silence();
    client.end('THREE\r\n');
    await once(accepted, 'end');
    expect([first, second]).toEqual([['ONE'], ['TWO']]);
  });

  it('reads TLS over a connection that it has read in clear', async () => {
    const { client, accepted } = await connection();
    const clear = SocketInput.of(accepted);
    const lines = linesOf(clear);
    accepted.resume();
    client.write('clear\r\n');
    await becomes(() => expect(lines).toEqual(['clear']));
    clear.silence();
    const secured = new TLSSocket(accepted, {
      isServer: true,
      secureContext: createSecureContext(await testCertificate()),
    });
    const read = linesOf(SocketInput.of(secured));
    secured.resume();
    const tls = connectTls({ socket: client, rejectUnauthorized: false });
    await once(tls, 'secureConnect');
    tls.end('three\r\nfour\r\n');
    await once(secured, 'end');
    expect(read).toEqual(['three', 'four']);
    secured.destroy();
  });

  it.each(['of', 'ofStream'] as const)('reads a stream that is no socket of Node (%s)', async (how) => {
    const stream = new PassThrough();
    const lines = linesOf(SocketInput[how](stream as unknown as Socket));
    stream.end('one\r\n');
    await once(stream, 'end');
    expect(lines).toEqual(['one']);
  });

  it('begins with what waits in the stream', async () => {
    const { client, accepted } = await connection();
    client.write('ONE\r\n');
    accepted.read(0);
    await once(accepted, 'readable');
    const lines = linesOf(SocketInput.of(accepted));
    accepted.resume();
    client.end('TWO\r\n');
    await once(accepted, 'end');
    expect(lines).toEqual(['ONE', 'TWO']);
  });
});

/** Until nothing is thrown, some seconds at most. */
async function becomes(check: () => void): Promise<void> {
  for (let left = 1000; ; left--) {
    try {
      return check();
    } catch (error) {
      if (left === 0) throw error;
    }
    await sleep(5);
  }
}
