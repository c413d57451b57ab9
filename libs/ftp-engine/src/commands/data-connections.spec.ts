import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { OPEN_POLICY } from '@quayside/domain';
import { aGrant, type EngineFixture, type FixtureOptions, type RawFtpClient, startEngine } from '@quayside/testing';

let fixture: EngineFixture;
const servers: Server[] = [];

async function start(options: FixtureOptions = {}): Promise<RawFtpClient> {
  fixture = await startEngine(options);
  const client = await fixture.login();
  await client.expect('TYPE I', 200);
  return client;
}
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await fixture.stop();
});

/** Keeps TLS from owning the socket, so that it can be ended beneath it. */
class Cut extends Duplex {
  constructor(readonly raw: Socket) {
    super();
    raw.on('data', (chunk: Buffer) => this.push(chunk));
    raw.on('end', () => this.push(null));
    raw.on('error', () => {});
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.raw.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.raw.end(done);
  }
}

const portOf = (text: string): number => Number(/\|(\d+)\|/.exec(text)![1]);

async function dial(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

async function listening(): Promise<{ port: number; connection: Promise<Socket> }> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const connection = once(server, 'connection').then(([socket]) => socket as Socket);
  return { port: (server.address() as AddressInfo).port, connection };
}

/** Two uploads and a download under a name of the session's own. */
async function useSession(number: number, tls = false): Promise<string> {
  const client = await fixture.connect();
  await client.reply();
  if (tls) {
    await client.secure();
    await client.expect('PBSZ 0', 200);
    await client.expect('PROT P', 200);
  }
  await client.expect('USER bob', 331);
  await client.expect('PASS secret', 230);
  await client.expect('TYPE I', 200);
  const channel = (socket: Socket): Socket => (tls ? protect(client, socket) : socket);
  for (const round of [1, 2]) {
    const raw = await client.passive();
    await client.expect(`STOR file-${number}`, 150);
    channel(raw).end(`${number}/${round}`);
    expect((await client.reply()).code).toBe(226);
  }
  const raw = await client.passive();
  await client.expect(`RETR file-${number}`, 150);
  const data = channel(raw);
  const chunks: Buffer[] = [];
  data.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = once(data, 'close');
  expect((await client.reply()).code).toBe(226);
  await closed;
  return Buffer.concat(chunks).toString();
}

describe('passive mode', () => {
  it('announces the public address of a rule, of the listener, or the local one', async () => {
    const client = await start();
    expect((await client.expect('PASV', 227)).text).toMatch(/\(127,0,0,1,\d+,\d+\)/);
    await fixture.stop();
    const masked = await start({
      publicAddress: '192.0.2.1',
      masquerade: [{ clients: '10.0.0.0/8', address: '192.0.2.9' }],
    });
    expect((await masked.expect('PASV', 227)).text).toContain('(192,0,2,1,');
    await fixture.stop();
    const inside = await start({ masquerade: [{ clients: '127.0.0.0/8', address: '192.0.2.9' }] });
    expect((await inside.expect('PASV', 227)).text).toContain('(192,0,2,9,');
  });

  it('answers EPSV by family, and after EPSV ALL nothing else for the rest of the session', async () => {
    const client = await start();
    await client.expect('EPSV 1', 229);
    expect((await client.expect('EPSV 2', 522)).text).toContain('(1)');
    await client.expect('EPSV x', 501);
    await client.expect('EPSV ALL', 200);
    for (const line of ['PASV', 'PORT 127,0,0,1,200,1', 'EPRT |1|127.0.0.1|51201|']) await client.expect(line, 501);
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    client.write('ABOR\r\n');
    await client.reply();
    await client.reply();
    await client.expect('PASV', 501);
    await client.expect('EPSV', 229);
  });

  it('drops a stranger and serves the owner', async () => {
    const client = await start();
    const port = portOf((await client.expect('EPSV', 229)).text);
    const stranger = await dial(port, '127.0.0.2');
    await once(stranger, 'close');
    const owner = await dial(port);
    await client.expect('STOR a', 150);
    owner.end('mine');
    expect((await client.reply()).code).toBe(226);
  });

  it('leaves the size of a file alone when nobody connects to overwrite it', async () => {
    const client = await start({ timeouts: { dataConnect: 50 } });
    await client.expect('TYPE I', 200);
    const data = await client.passive();
    await client.expect('STOR a', 150);
    data.end('1234');
    expect((await client.reply()).code).toBe(226);
    await client.expect('EPSV', 229);
    await client.expect('STOR a', 425);
    expect((await client.expect('SIZE a', 213)).text.trim()).toBe('213 4');
  });

  it('answers 425 when nobody connects, and says why in its event', async () => {
    const client = await start({ timeouts: { dataConnect: 50 } });
    const port = portOf((await client.expect('EPSV', 229)).text);
    await client.expect('STOR a', 425);
    expect(fixture.ports.journal.facts('data.failed')[0]).toMatchObject({ reason: 'PASV_NEVER_CONNECTED' });
    expect(fixture.ports.journal.of('upload.failed')[0]!.facts.reason).toBe('PASV_NEVER_CONNECTED');
    expect(port).toBeGreaterThan(0);
    const again = portOf((await client.expect('EPSV', 229)).text);
    const stranger = await dial(again, '127.0.0.2');
    await once(stranger, 'close');
    await client.expect('STOR a', 425);
    expect(fixture.ports.journal.facts('data.failed')[1]).toMatchObject({ reason: 'STRANGER_ON_DATA_PORT' });
  });

  it('lets 50 sessions share 4 ports, each with its own file', async () => {
    await start({ passivePoolSize: 4 });
    const contents = await Promise.all(Array.from({ length: 50 }, (_, number) => useSession(number)));
    expect(contents).toEqual(contents.map((_, number) => `${number}/2`));
  });

  it.each(['prefer', 'require'] as const)('the same, every other one over TLS, session reuse: %s', async (reuse) => {
    fixture = await startEngine({ passivePoolSize: 4, sessionReuse: reuse });
    const protocols = { ...OPEN_POLICY.protocols, sessionReuse: reuse };
    fixture.ports.addAccount('bob', aGrant({ policy: { ...OPEN_POLICY, protocols } }));
    const contents = await Promise.all(Array.from({ length: 50 }, (_, number) => useSession(number, number % 2 === 1)));
    expect(contents).toEqual(contents.map((_, number) => `${number}/2`));
  });

  it('ends a session that asked for a port and never uses it, whatever else it sends', async () => {
    const client = await start({ timeouts: { stall: 200 } });
    await client.expect('EPSV', 229);
    let last = 200;
    while (last === 200) last = (await client.command('NOOP')).code;
    expect(last).toBe(421);
    await client.closed();
    await fixture.ports.journal.until((journal) => journal.facts('session.closed').length === 1);
    expect(fixture.ports.journal.facts('session.closed')[0]!.doctor?.code).toBe('DATA_UNUSED');
  });

  it('answers ABOR with 225 while a connection waits unused, and closes it', async () => {
    const client = await start();
    const data = await client.passive();
    data.resume();
    // The reply to a NOOP comes after the engine has seen the connection.
    await client.expect('NOOP', 200);
    const closed = once(data, 'close');
    await client.expect('ABOR', 225);
    await closed;
  });

  it('survives a reset of an unused connection', async () => {
    const client = await start();
    const data = await client.passive();
    data.resetAndDestroy();
    await client.expect('NOOP', 200);
    client.write('STOR a\r\n');
    expect((await client.reply()).code).toBe(150);
    expect((await client.reply()).code).toBe(426);
  });
});

describe('active mode', () => {
  it('connects to the port that PORT or EPRT named', async () => {
    const client = await start();
    const first = await listening();
    await client.expect(`PORT 127,0,0,1,${first.port >> 8},${first.port & 255}`, 200);
    await client.expect('STOR a', 150);
    (await first.connection).end('active');
    expect((await client.reply()).code).toBe(226);
    const second = await listening();
    await client.expect(`EPRT |1|127.0.0.1|${second.port}|`, 200);
    await client.expect('RETR a', 150);
    const socket = await second.connection;
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('active');
    expect((await client.reply()).code).toBe(226);
    socket.destroy();
  });

  it('refuses other addresses, low ports and nonsense', async () => {
    const client = await start();
    await client.expect('PORT 192,0,2,1,200,1', 501);
    await client.expect('PORT 127,0,0,1,0,80', 504);
    await client.expect('PORT 1,2,3', 501);
    await client.expect('EPRT |1|192.0.2.1|51201|', 501);
    await client.expect('EPRT |1|127.0.0.1|80|', 504);
    expect((await client.expect('EPRT |3|127.0.0.1|51201|', 522)).text).toContain('(1)');
    await client.expect('EPRT |1|127.0.0.1|', 501);
    await client.expect('STOR a', 425);
  });

  it('connects before the transfer command, since clients listen before they send PORT', async () => {
    const client = await start();
    const { port, connection } = await listening();
    await client.expect(`EPRT |1|127.0.0.1|${port}|`, 200);
    const socket = await connection;
    await client.expect('ABOR', 225);
    await once(socket.resume(), 'close');
  });

  it('connects at the transfer command where nobody listened before', async () => {
    const client = await start();
    const first = createServer();
    await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve));
    const { port } = first.address() as AddressInfo;
    await new Promise((resolve) => first.close(resolve));
    await client.expect(`EPRT |1|127.0.0.1|${port}|`, 200);
    // The refusal is back before the answer to the next command.
    await client.expect('NOOP', 200);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = createServer((socket) => socket.end('late'));
    servers.push(second);
    await new Promise<void>((resolve) => second.listen(port, '127.0.0.1', resolve));
    await client.expect('STOR a', 150);
    expect((await client.reply()).code).toBe(226);
  });

  it('of the other address family is 522 with the family to use', async () => {
    const client = await start();
    expect((await client.expect('EPRT |2|::1|51201|', 522)).text).toContain('(1)');
  });

  it('answers 425 when the client does not listen', async () => {
    const client = await start();
    const { port } = await listening();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    await client.expect(`EPRT |1|127.0.0.1|${port}|`, 200);
    await client.expect('STOR a', 425);
    expect(fixture.ports.journal.facts('data.failed')[0]).toMatchObject({ reason: 'ACTIVE_REFUSED' });
  });

  it('is 502 where the listener has it off', async () => {
    const client = await start({ activeMode: false });
    await client.expect('PORT 127,0,0,1,200,1', 502);
    await client.expect('EPRT |1|127.0.0.1|51201|', 502);
  });
});

async function secured(options: FixtureOptions = {}): Promise<RawFtpClient> {
  fixture = await startEngine(options);
  const client = await fixture.connect();
  expect((await client.reply()).code).toBe(220);
  await client.secure();
  await client.expect('USER bob', 331);
  await client.expect('PASS secret', 230);
  await client.expect('TYPE I', 200);
  await client.expect('PBSZ 0', 200);
  await client.expect('PROT P', 200);
  return client;
}
const protect = (client: RawFtpClient, socket: Socket) => {
  const data = tlsConnect({ socket, rejectUnauthorized: false, session: client.tls.getSession() });
  data.on('error', () => {});
  return data;
};

describe('protected data connections', () => {
  it('say 150 before the handshake, and end with close_notify both ways', async () => {
    const client = await secured();
    const up = await client.passive();
    await client.expect('STOR a', 150);
    protect(client, up).end('secret content');
    expect((await client.reply()).code).toBe(226);
    expect(fixture.ports.journal.of('upload.committed')[0]!.facts.dataTls).toBe(true);
    const down = await client.passive();
    await client.expect('RETR a', 150);
    const data = protect(client, down);
    const chunks: Buffer[] = [];
    data.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(data, 'end');
    expect(Buffer.concat(chunks).toString()).toBe('secret content');
    expect((await client.reply()).code).toBe(226);
    data.destroy();
  });

  it('that fail in the handshake are 522, and nothing is stored', async () => {
    const client = await secured();
    const data = await client.passive();
    await client.expect('STOR a', 150);
    data.end('GET / HTTP/1.0\r\n\r\n');
    expect((await client.reply()).code).toBe(522);
    expect(fixture.ports.journal.of('upload.failed')[0]!.facts.reason).toBe('TLS_HANDSHAKE_FAILED');
    await client.expect('SIZE a', 550);
  });

  it('that are reset in the middle are 426', async () => {
    const client = await secured();
    const raw = await client.passive();
    await client.expect('STOR a', 150);
    const data = protect(client, raw);
    data.write(Buffer.alloc(600_000));
    await until(() => (fixture.engine.sessions()[0]!.transfer?.bytes ?? 0) > 0);
    raw.resetAndDestroy();
    expect((await client.reply()).code).toBe(426);
    await client.expect('RETR a', 550);
  });
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('the end of a %s upload', (version) => {
  /** Sends `bytes` and ends with close_notify, or with a FIN alone. */
  async function send(client: RawFtpClient, name: string, bytes: Buffer, notify: boolean): Promise<number> {
    const raw = await client.passive();
    await client.expect(`STOR ${name}`, 150);
    const cut = new Cut(raw);
    const data = tlsConnect({ socket: cut, rejectUnauthorized: false, maxVersion: version });
    data.on('error', () => {});
    await once(data, 'secureConnect');
    await new Promise((resolve) => data.write(bytes, resolve));
    if (notify) data.end();
    else raw.end();
    return (await client.reply()).code;
  }

  it('needs close_notify in strict mode', async () => {
    const client = await secured({ tlsUploadEnd: 'strict' });
    for (const size of [0, 1, 2, 19, 16_384, 300_000]) {
      expect([size, await send(client, `a${size}`, Buffer.alloc(size, 1), true)]).toEqual([size, 226]);
      expect([size, await send(client, `b${size}`, Buffer.alloc(size, 1), false)]).toEqual([size, 426]);
    }
    expect(fixture.ports.journal.of('upload.failed')[1]!.facts).toMatchObject({
      reason: 'TLS_TRUNCATED',
      keptBytes: 1,
    });
  });

  it('needs none in compat mode', async () => {
    const client = await secured();
    expect(await send(client, 'a', Buffer.alloc(1000), true)).toBe(226);
    expect(await send(client, 'b', Buffer.alloc(1000), false)).toBe(226);
    expect(await send(client, 'c', Buffer.alloc(0), true)).toBe(226);
    expect(await send(client, 'd', Buffer.alloc(0), false)).toBe(226);
  });
});

describe('stalls and caps', () => {
  it('an upload without data for too long is 426 and the session goes on', async () => {
    const client = await start({ timeouts: { stall: 60 } });
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    data.write('half');
    expect((await client.reply()).code).toBe(426);
    expect(fixture.ports.journal.of('upload.failed')[0]!.facts).toMatchObject({ reason: 'STALLED', keptBytes: 4 });
    await client.expect('NOOP', 200);
  });

  it('a download that the client does not read is 426', async () => {
    // Long enough for the upload on a machine that does other work.
    const client = await start({ timeouts: { stall: 1000 } });
    const up = await client.passive();
    await client.expect('STOR a', 150);
    up.end(Buffer.alloc(30_000_000));
    expect((await client.reply()).code).toBe(226);
    const data = await client.passive();
    data.on('error', () => {});
    data.pause();
    await client.expect('RETR a', 150);
    expect((await client.reply()).code).toBe(426);
    expect(fixture.ports.journal.of('transfer.ended')[0]!.facts.reason).toBe('STALLED');
  });
});
