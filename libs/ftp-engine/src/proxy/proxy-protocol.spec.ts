import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { OPEN_POLICY } from '@quayside/domain';
import { aGrant, type EngineFixture, startEngine, testCertificate } from '@quayside/testing';
import { parseProxyHeader } from './proxy-header.js';

function v2(command: number, family: number, rest: Buffer): Buffer {
  const head = Buffer.from('\r\n\r\n\0\r\nQUIT\n\0\0\0\0', 'latin1');
  head[12] = command;
  head[13] = family;
  head.writeUInt16BE(rest.length, 14);
  return Buffer.concat([head, rest]);
}
const TCP4 = Buffer.from([192, 0, 2, 7, 203, 0, 113, 1, 0x30, 0x39, 0, 21]);
const TCP6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from([0x30, 0x39, 0, 21]),
]);
/** PP2_TYPE_ALPN and PP2_TYPE_AUTHORITY, as balancers add them. */
const TLVS = Buffer.from('\u0001\0\u0003ftp\u0002\0\u0009a.example', 'latin1');
const FROM6 = 'PROXY TCP6 2001:db8::7 2001:db8::1 12345 21\r\n';
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

  it('leaves out what a version 2 header has behind its addresses', () => {
    const bytes = Buffer.concat([v2(0x21, 0x11, Buffer.concat([TCP4, TLVS])), Buffer.from('USER')]);
    expect(parseProxyHeader(bytes)).toEqual({ addresses: ADDRESSES, length: bytes.length - 4 });
    expect(parseProxyHeader(v2(0x20, 0x11, Buffer.concat([TCP4, TLVS])))).toMatchObject({ addresses: null });
  });

  it('takes LOCAL and UNKNOWN as the proxy itself', () => {
    const longest = `PROXY UNKNOWN ${'f'.repeat(91)}\r\n`;
    expect(parseProxyHeader(Buffer.from(longest))).toEqual({ addresses: null, length: 107 });
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
  const relays: Server[] = [];
  afterEach(async () => {
    for (const relay of relays.splice(0)) relay.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    await fixture.stop();
  });

  /** In one packet, or a packet for each byte. */
  async function send(socket: Socket, bytes: Buffer, how: 'whole' | 'split'): Promise<void> {
    if (how === 'whole') socket.write(bytes);
    else
      for (const byte of bytes) {
        socket.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
  }

  /**
   * A connection whose bytes pass through a relay that puts a header before them, so that the ClientHello comes with it:
   * what a balancer does. Resolves to the port to dial.
   */
  async function balancer(target: number, header: string | Buffer, how: 'whole' | 'split'): Promise<number> {
    const relay = createServer((client) => {
      const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
      sockets.push(client, upstream);
      for (const socket of [client, upstream]) socket.on('error', () => {});
      client.once('data', (first: Buffer) => {
        client.pause();
        void send(upstream, Buffer.concat([Buffer.from(header), first]), how).then(() => client.pipe(upstream));
      });
      upstream.pipe(client);
      upstream.on('close', () => client.destroy());
    });
    relays.push(relay);
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    return (relay.address() as AddressInfo).port;
  }

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

  const HEADERS = [
    ['v1', FROM, '192.0.2.7'],
    ['v2 with TLVs', v2(0x21, 0x11, Buffer.concat([TCP4, TLVS])), '192.0.2.7'],
    ['v1 of IPv6', FROM6, '2001:db8::7'],
    ['v2 of IPv6', v2(0x21, 0x21, TCP6), '2001:db8::7'],
  ] as const;
  const CUTS = ['whole', 'split'] as const;
  const CASES = HEADERS.flatMap(([name, header, address]) => CUTS.map((how) => ({ name, header, address, how })));

  it.each(
    CASES.flatMap((one) => [
      { ...one, whose: 'ftp.acme.example' },
      { ...one, whose: 'localhost' },
    ]),
  )('finds the ClientHello behind a header, $name, $how, certificate of $whose', async (one) => {
    const { header, address, how, whose } = one;
    fixture = await startEngine({ tls: ['implicit'], proxyTrusted: ['127.0.0.1'] });
    const certificate = whose === 'localhost' ? null : await testCertificate(whose);
    fixture.ports.tenantHosts.set('ftp.acme.example', { slug: 'acme', welcome: null, certificate });
    const ask = { host: '127.0.0.1', rejectUnauthorized: false } as const;
    const control = tlsConnect({
      ...ask,
      port: await balancer(fixture.port(), header, how),
      servername: 'ftp.acme.example',
    });
    sockets.push(control);
    let text = '';
    control.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    const said = async (pattern: RegExp): Promise<RegExpExecArray> => {
      while (pattern.exec(text) === null) await once(control, 'data');
      return pattern.exec(text)!;
    };
    await said(/^220 /);
    expect(control.getPeerCertificate().subject.CN).toBe(whose);
    expect(fixture.engine.sessions()[0]!.remoteAddress).toBe(address);
    control.write('USER bob\r\nPASS secret\r\nTYPE I\r\nEPSV\r\n');
    const [, port] = await said(/229 .*\(\|\|\|(\d+)\|\)/);
    control.write('STOR a\r\n');
    const data = tlsConnect({ ...ask, port: await balancer(Number(port), header, how) });
    sockets.push(data);
    data.resume().end('through the proxy');
    await said(/226 .*17 bytes/);
    expect(fixture.ports.attempts[0]!.hostTenant).toBe('acme');
  });

  it('looks for the ticket behind the header of a data connection', async () => {
    fixture = await startEngine({ tls: ['implicit'], proxyTrusted: ['127.0.0.1'] });
    const protocols = { ...OPEN_POLICY.protocols, sessionReuse: 'require' as const };
    fixture.ports.addAccount('bob', aGrant({ policy: { ...OPEN_POLICY, protocols } }));
    const ask = { host: '127.0.0.1', rejectUnauthorized: false, servername: 'localhost' } as const;
    const control = tlsConnect({ ...ask, port: await balancer(fixture.port(), FROM, 'whole') });
    sockets.push(control);
    let ticket: Buffer | undefined;
    control.on('session', (session) => (ticket = session));
    let text = '';
    control.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    const said = async (pattern: RegExp): Promise<RegExpExecArray> => {
      while (pattern.exec(text) === null) await once(control, 'data');
      return pattern.exec(text)!;
    };
    control.write('USER bob\r\nPASS secret\r\nTYPE I\r\nEPSV\r\n');
    const [, port] = await said(/229 .*\(\|\|\|(\d+)\|\)/);
    // Another session behind the same address, which has no ticket of this one.
    const stranger = tlsConnect({ ...ask, port: await balancer(Number(port), FROM, 'whole') });
    sockets.push(stranger);
    stranger.on('error', () => {});
    await new Promise((resolve) => {
      stranger.once('close', resolve);
    });
    control.write('STOR a\r\n');
    const data = tlsConnect({ ...ask, port: await balancer(Number(port), FROM, 'split'), session: ticket! });
    sockets.push(data);
    data.resume().end('through the proxy');
    expect(await said(/226 .*17 bytes/)).not.toBeNull();
  });

  it('drops headers that are too long or do not come in time, on both kinds of ports', async () => {
    fixture = await startEngine({ proxyTrusted: ['127.0.0.1'] });
    const client = await dial(fixture.port(), `${FROM}USER bob\r\nPASS secret\r\nEPSV\r\n`);
    let text = '';
    client.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    while (!/229 .*\r\n/.test(text)) await once(client, 'data');
    const passive = Number(/\|\|\|(\d+)\|/.exec(text)![1]);
    // Too long, cut in its middle, and nothing at all.
    const headers = [`PROXY TCP4 ${'1'.repeat(120)}`, v2(0x21, 0x11, Buffer.alloc(4000)), FROM.slice(0, 20), ''];
    const dropped = [fixture.port(), passive].flatMap((port) =>
      headers.map(async (header) => once((await dial(port, header)).resume(), 'close')),
    );
    await Promise.all(dropped);
    expect(fixture.engine.sessions()).toHaveLength(1);
  });

  it('greets the proxy’s own checks as the proxy', async () => {
    fixture = await startEngine({ proxyTrusted: ['127.0.0.1'] });
    for (const header of [v2(0x20, 0, Buffer.alloc(0)), 'PROXY UNKNOWN\r\n']) {
      const check = await dial(fixture.port(), header);
      expect(String((await once(check, 'data'))[0])).toMatch(/^220 /);
      expect(fixture.engine.sessions()[0]!.remoteAddress).toBe('127.0.0.1');
      check.end('QUIT\r\n');
      await once(check, 'close');
    }
  });
});
