import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { connect as tlsConnect, type ConnectionOptions } from 'node:tls';
import { connect } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { type ClientHello, ClientHelloReader, readClientHello } from './client-hello.js';

function parseClientHello(bytes: Buffer): ClientHello | 'more' {
  return new ClientHelloReader().push(bytes);
}

/** What Node's client sends first. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = (server.address() as AddressInfo).port;
  const client = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

/** The same message in records of `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const records: Buffer[] = [];
  for (let at = 5; at < hello.length; at += size) {
    const body = hello.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, body.length >> 8, body.length & 255]), body);
  }
  return Buffer.concat(records);
}

describe('ClientHelloReader', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('finds the server name of %s, in any records', async (version) => {
    const hello = await helloOf({ servername: 'ftp.acme.example', maxVersion: version });
    expect(parseClientHello(hello)).toMatchObject({ serverName: 'ftp.acme.example', tickets: [] });
    for (const size of [1, 3, 7, 100]) {
      expect(parseClientHello(inRecords(hello, size))).toMatchObject({ serverName: 'ftp.acme.example' });
    }
    expect(parseClientHello(await helloOf({ maxVersion: version }))).toEqual({ serverName: null, tickets: [] });
  });

  it('asks for more until it is whole', async () => {
    const hello = await helloOf({ servername: 'a.example' });
    for (let length = 0; length < hello.length; length++)
      expect(parseClientHello(hello.subarray(0, length))).toBe('more');
  });

  it('finds the same however the bytes are cut', async () => {
    const hello = inRecords(await helloOf({ servername: 'a.example' }), 90);
    const whole = parseClientHello(hello);
    for (let size = 1; size < 120; size += 7) {
      const reader = new ClientHelloReader();
      const found: (ClientHello | 'more')[] = [];
      for (let at = 0; at < hello.length; at += size) found.push(reader.push(hello.subarray(at, at + size)));
      expect(found.pop()).toEqual(whole);
      expect(new Set(found)).toEqual(new Set(['more']));
    }
  });

  it('looks at every byte once, and gives up on what is too long', () => {
    // Work that grows with the square of these bytes would keep the process busy for minutes.
    const message = Buffer.alloc(16_000, 7);
    message.writeUInt32BE((1 << 24) | 16_380);
    const cut = inRecords(Buffer.concat([Buffer.alloc(5), message]), 1);
    const reader = new ClientHelloReader();
    let at = 0;
    while (reader.push(cut.subarray(at, at + 1)) === 'more') at++;
    expect(at).toBe(32 * 1024);
    expect(parseClientHello(cut)).toEqual({ serverName: null, tickets: [] });
    const tooLong = Buffer.from([22, 3, 1, 0, 4, 1, 1, 0, 0]);
    expect(parseClientHello(tooLong)).toEqual({ serverName: null, tickets: [] });
  });

  it('takes no server name that cannot be one', async () => {
    const hello = await helloOf({ servername: 'name-of-a-tenant.example' });
    const at = hello.indexOf('name-of-a-tenant');
    for (const bad of ['\0', '\n', ' ', '\u00e9', "'"]) {
      hello.write(bad, at, 'latin1');
      expect(parseClientHello(hello)).toEqual({ serverName: null, tickets: [] });
    }
  });

  it('makes nothing of what is no ClientHello', () => {
    for (const text of ['USER bob\r\n', 'GET / HTTP/1.0\r\n', '\u0016\u0003\u0001\u0000\u0005hello']) {
      expect(parseClientHello(Buffer.from(text, 'latin1'))).toEqual({ serverName: null, tickets: [] });
    }
  });

  it('survives any bytes, also in the place of its fields', async () => {
    const hello = await helloOf({ servername: 'a.example' });
    const survives = (bytes: Buffer): void => expect(parseClientHello(bytes)).toBeDefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        survives(Buffer.from(bytes));
        survives(Buffer.concat([Buffer.from([22, 3, 1]), Buffer.from(bytes)]));
      }),
    );
    fc.assert(
      fc.property(fc.nat(hello.length - 1), fc.nat(255), (at, value) => {
        const changed = Buffer.from(hello);
        changed[at] = value;
        survives(changed);
      }),
    );
  });
});

describe('readClientHello', () => {
  it('leaves every byte in the socket, also of what came byte by byte', async () => {
    const hello = await helloOf({ servername: 'a.example' });
    const server = createServer({ pauseOnConnect: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
    const [socket] = (await once(server, 'connection')) as [Socket];
    const reading = readClientHello(socket);
    for (const byte of hello.subarray(0, 20)) {
      client.write(Buffer.from([byte]));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    client.write(Buffer.concat([hello.subarray(20), Buffer.from('more')]));
    expect(await reading).toMatchObject({ serverName: 'a.example' });
    client.end();
    const chunks: Buffer[] = [];
    expect(socket.isPaused()).toBe(true);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
    await once(socket, 'end');
    expect(Buffer.concat(chunks)).toEqual(Buffer.concat([hello, Buffer.from('more')]));
    socket.destroy();
    server.close();
  });

  it('is null where the connection ends before', async () => {
    const server = createServer({ pauseOnConnect: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    const reading = readClientHello(socket);
    client.end(Buffer.from([22, 3, 1]));
    expect(await reading).toBeNull();
    expect(socket.destroyed).toBe(true);
    server.close();
  });
});
