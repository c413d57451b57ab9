import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { type EngineFixture, startEngine } from '@quayside/testing';
import { parseProxyHeader } from './proxy-header.js';

function v2(command: number, family: number, rest: Buffer): Buffer {
  const head = Buffer.from('\r\n\r\n\0\r\nQUIT\n\0\0\0\0', 'latin1');
  head[12] = command;
  head[13] = family;
  head.writeUInt16BE(rest.length, 14);
  return Buffer.concat([head, rest]);
}
const TCP4 = Buffer.from([192, 0, 2, 7, 203, 0, 113, 1, 0x30, 0x39, 0, 21]);
const FROM = 'PROXY TCP4 192.0.2.7 203.0.113.1 12345 21\r\n';
const ADDRESSES = { remoteAddress: '192.0.2.7', localAddress: '203.0.113.1', remotePort: 12345, localPort: 21 };

describe('parseProxyHeader', () => {
  it('reads both versions, and leaves what follows', () => {
    expect(parseProxyHeader(Buffer.from(`${FROM}USER x\r\n`))).toEqual({ addresses: ADDRESSES, length: FROM.length });
    expect(parseProxyHeader(Buffer.concat([v2(0x21, 0x11, TCP4), Buffer.from('USER')]))).toEqual({
      addresses: ADDRESSES,
      length: 28,
    });
    const six = Buffer.concat([Buffer.alloc(15), Buffer.from([1]), Buffer.alloc(15), Buffer.from([2, 0, 9, 0, 21])]);
    expect(parseProxyHeader(v2(0x21, 0x21, six))).toMatchObject({
      addresses: { remoteAddress: '::1', localAddress: '::2', remotePort: 9, localPort: 21 },
    });
    expect(parseProxyHeader(Buffer.from('PROXY TCP6 ::1 ::2 9 21\r\n'))).toMatchObject({
      addresses: { remoteAddress: '::1', localPort: 21 },
    });
  });

  it('takes LOCAL and UNKNOWN as the proxy itself', () => {
    expect(parseProxyHeader(v2(0x20, 0, Buffer.alloc(0)))).toEqual({ addresses: null, length: 16 });
    expect(parseProxyHeader(Buffer.from('PROXY UNKNOWN\r\n'))).toEqual({ addresses: null, length: 15 });
  });

  it.each([
    Buffer.from('USER bob\r\n'),
    Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n'),
    Buffer.from('PROXY TCP4 192.0.2.7 203.0.113.1 99999 21\r\n'),
    Buffer.from(`PROXY TCP4 ${'1'.repeat(120)}`),
    v2(0x22, 0x11, TCP4),
    v2(0x11, 0x11, TCP4),
    v2(0x21, 0x12, TCP4),
    v2(0x21, 0x11, Buffer.alloc(11)),
    v2(0x21, 0x11, Buffer.alloc(4000)),
  ])('refuses %s', (bytes) => {
    expect(parseProxyHeader(bytes)).toBe('invalid');
  });

  it('asks for more until a header is whole, and survives any bytes', () => {
    for (const whole of [Buffer.from(FROM), v2(0x21, 0x11, TCP4)]) {
      for (let length = 0; length < whole.length; length++) {
        expect(parseProxyHeader(whole.subarray(0, length))).toBe('more');
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        parseProxyHeader(Buffer.from(bytes));
      }),
    );
  });
});

describe('a listener behind a proxy', () => {
  let fixture: EngineFixture;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await fixture.stop();
  });

  async function dial(port: number, header: string | Buffer): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
    await once(socket, 'connect');
    socket.write(header);
    return socket;
  }

  it('takes the client from the header, on control and data ports, also in the same packet as commands', async () => {
    fixture = await startEngine({ proxyTrusted: ['127.0.0.0/8'] });
    const control = await dial(fixture.port(), `${FROM}USER bob\r\nPASS secret\r\nTYPE I\r\nPASV\r\n`);
    let text = '';
    control.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    const said = async (pattern: RegExp): Promise<RegExpExecArray> => {
      while (pattern.exec(text) === null) await once(control, 'data');
      return pattern.exec(text)!;
    };
    const [, high, low] = await said(/227 .*\(203,0,113,1,(\d+),(\d+)\)/);
    expect(fixture.engine.sessions()[0]!.remoteAddress).toBe('192.0.2.7');
    const port = Number(high) * 256 + Number(low);
    // Another client behind the same proxy is a stranger.
    const stranger = await dial(port, 'PROXY TCP4 192.0.2.8 203.0.113.1 1 2\r\n');
    await once(stranger.resume(), 'close');
    control.write('STOR a\r\n');
    const data = await dial(port, Buffer.concat([v2(0x21, 0x11, TCP4), Buffer.from('through the proxy')]));
    data.end();
    await said(/226 .*17 bytes/);
  });

  it('closes connections of the proxy that do not begin with a header', async () => {
    fixture = await startEngine({ proxyTrusted: ['127.0.0.1'] });
    const control = await dial(fixture.port(), 'USER bob\r\n');
    let text = '';
    control.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await once(control, 'close');
    expect(text).toBe('');
    expect(fixture.engine.sessions()).toEqual([]);
  });

  it('takes no header from anybody else', async () => {
    fixture = await startEngine({ proxyTrusted: ['192.0.2.0/24'] });
    const client = await fixture.connect();
    await client.reply();
    await client.expect(FROM.trim(), 500);
    expect(fixture.engine.sessions()[0]!.remoteAddress).toBe('127.0.0.1');
  });
});
