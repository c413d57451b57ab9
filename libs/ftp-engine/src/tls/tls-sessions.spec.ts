import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import { OPEN_POLICY } from '@quayside/domain';
import {
  aGrant,
  ecCertificate,
  type EngineFixture,
  type RawFtpClient,
  startEngine,
  testCertificate,
} from '@quayside/testing';

let fixture: EngineFixture;
afterEach(() => fixture.stop());

async function greeted(): Promise<RawFtpClient> {
  const client = await fixture.connect();
  expect((await client.reply()).code).toBe(220);
  return client;
}

function endedSessions() {
  return fixture.ports.journal.facts('session.closed');
}

/** Logged in over TLS with PROT P. */
async function secured(
  options: ConnectionOptions = {},
): Promise<{ client: RawFtpClient; ticket: () => Buffer | undefined }> {
  const client = await greeted();
  await client.secure(options);
  let ticket: Buffer | undefined = client.tls.getSession();
  client.tls.on('session', (session) => {
    ticket = session;
  });
  await client.expect('USER bob', 331);
  await client.expect('PASS secret', 230);
  await client.expect('PBSZ 0', 200);
  await client.expect('PROT P', 200);
  return { client, ticket: () => ticket };
}

/** LIST over a protected data connection; the codes of its replies. */
async function list(client: RawFtpClient, session: Buffer | undefined): Promise<{ codes: number[]; reused: boolean }> {
  const raw = await client.passive();
  client.write('LIST\r\n');
  const codes = [(await client.reply()).code];
  const data = tlsConnect({ socket: raw, session, rejectUnauthorized: false });
  data.on('error', () => {});
  data.resume();
  codes.push((await client.reply()).code);
  const reused = data.isSessionReused();
  data.destroy();
  return { codes, reused };
}

function commonName(client: RawFtpClient): string {
  return client.tls.getPeerCertificate().subject.CN as string;
}

async function withTenants(): Promise<void> {
  fixture = await startEngine();
  for (const slug of ['acme', 'umbrella']) {
    fixture.ports.tenantHosts.set(`ftp.${slug}.example`, {
      slug,
      welcome: slug === 'acme' ? 'Welcome to Acme' : null,
      certificate: null,
    });
  }
}

describe('explicit TLS', () => {
  it('never runs what followed AUTH in the same read', async () => {
    fixture = await startEngine();
    const client = await greeted();
    client.write('AUTH TLS\r\nUSER injected\r\n');
    expect((await client.reply()).code).toBe(503);
    expect(await client.closed()).toBe('');
    expect(fixture.ports.attempts).toHaveLength(0);
  });

  it('starts over after AUTH: what was sent in clear is forgotten', async () => {
    fixture = await startEngine();
    const client = await greeted();
    await client.expect('USER bob', 331);
    await client.secure();
    await client.expect('PASS secret', 503);
  });

  it('loses no handshake of many at once', async () => {
    fixture = await startEngine();
    const answers = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const client = await greeted();
        await client.secure();
        return (await client.command('NOOP')).code;
      }),
    );
    expect(answers).toEqual(Array(40).fill(200));
  });

  it('closes when plain text comes instead of a handshake', async () => {
    fixture = await startEngine();
    const client = await greeted();
    await client.expect('AUTH TLS', 234);
    client.write('USER bob\r\nPASS secret\r\n');
    await client.closed();
    await fixture.ports.journal.until((journal) => journal.facts('session.closed').length === 1);
    expect(fixture.ports.journal.facts('session.closed')[0]!.reason).toBe('tls-handshake-failed');
    expect(fixture.ports.attempts).toHaveLength(0);
  });

  it('drops a handshake that takes too long', async () => {
    fixture = await startEngine({ timeouts: { handshake: 80 } });
    const client = await greeted();
    await client.expect('AUTH TLS', 234);
    expect(await client.closed()).toBe('');
  });

  it('speaks FTP alone to clients that name protocols (ALPN), and FTP to all others', async () => {
    fixture = await startEngine({ tls: ['implicit'] });
    const selected = (ALPNProtocols: string[]): Promise<unknown> =>
      new Promise((resolve) => {
        const socket = tlsConnect({
          port: fixture.port(),
          host: '127.0.0.1',
          rejectUnauthorized: false,
          ALPNProtocols,
        });
        socket
          .once('secureConnect', () => resolve(socket.alpnProtocol))
          .on('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
        sockets.push(socket);
      });
    const sockets: TLSSocket[] = [];
    expect(await selected(['x-filezilla-ftp', 'ftp'])).toBe('ftp');
    expect(await selected([])).toBe(false);
    expect(await selected(['h2', 'http/1.1'])).toMatch(/NO_APPLICATION_PROTOCOL/);
    for (const socket of sockets) socket.destroy();
  });

  it('refuses USER in clear where TLS is required, and keeps the connection', async () => {
    fixture = await startEngine({ tls: ['required'] });
    const client = await greeted();
    await client.expect('USER bob', 530);
    await client.expect('PASS secret', 503);
    await client.secure();
    await client.expect('USER bob', 331);
    await client.expect('PASS secret', 230);
    await client.expect('LIST', 521);
  });

  it('takes PROT P for granted after AUTH SSL, and C after AUTH TLS', async () => {
    fixture = await startEngine();
    for (const [mechanism, protection] of [
      ['SSL', 'protected'],
      ['TLS', 'clear'],
    ] as const) {
      const client = await greeted();
      await client.expect(`AUTH ${mechanism}`, 234);
      await client.handshake();
      await client.expect('USER bob', 331);
      await client.expect('PASS secret', 230);
      expect((await client.expect('STAT', 211)).text).toContain(`data connections: ${protection}`);
    }
  });

  it('tells the host that a login came over TLS', async () => {
    fixture = await startEngine();
    await secured();
    expect(fixture.ports.attempts[0]).toMatchObject({ tls: true, implicitTls: false });
    const [closed] = [fixture.ports.journal.entries.find((entry) => entry.kind === 'fact' && entry.grant !== null)];
    expect(closed).toMatchObject({ session: { protocol: 'ftps' } });
  });
});

describe('implicit TLS', () => {
  it('greets inside TLS with protected data connections', async () => {
    fixture = await startEngine({ tls: ['implicit'] });
    const client = await fixture.connect('implicit');
    expect((await client.reply()).code).toBe(220);
    await client.expect('AUTH TLS', 503);
    await client.expect('USER bob', 331);
    await client.expect('PASS secret', 230);
    expect((await client.expect('STAT', 211)).text).toContain('data connections: protected');
  });

  it('says nothing in clear', async () => {
    fixture = await startEngine({ tls: ['implicit'] });
    const socket = connect(fixture.port(), '127.0.0.1');
    let said = '';
    socket.on('data', (bytes) => {
      said += bytes.toString('latin1');
    });
    socket.write('USER bob\r\n');
    await once(socket, 'close');
    expect(said).not.toMatch(/\d{3} /);
  });
});

describe('data connections over TLS', () => {
  it('resume the control session', async () => {
    fixture = await startEngine();
    const { client, ticket } = await secured();
    expect(await list(client, ticket())).toEqual({ codes: [150, 226], reused: true });
  });

  it('may be full handshakes where reuse is preferred', async () => {
    fixture = await startEngine();
    const { client } = await secured();
    expect(await list(client, undefined)).toEqual({ codes: [150, 226], reused: false });
  });

  it('must resume the own control session where reuse is required: 522 after 150 otherwise', async () => {
    fixture = await startEngine();
    const protocols = { ...OPEN_POLICY.protocols, sessionReuse: 'require' as const };
    fixture.ports.addAccount('bob', aGrant({ policy: { ...OPEN_POLICY, protocols } }));
    const { client, ticket } = await secured();
    const other = await secured();
    expect((await list(client, undefined)).codes).toEqual([150, 522]);
    expect((await list(client, other.ticket())).codes).toEqual([150, 522]);
    expect((await list(client, ticket())).codes).toEqual([150, 226]);
    // Twice, the owner is awaited for two seconds after somebody else came.
  }, 20_000);
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('a passive port where %s sessions must be resumed', (version) => {
  type Secured = Awaited<ReturnType<typeof secured>>;

  async function required(): Promise<void> {
    fixture = await startEngine({ timeouts: { dataConnect: 4000 } });
    const protocols = { ...OPEN_POLICY.protocols, sessionReuse: 'require' as const };
    fixture.ports.addAccount('bob', aGrant({ policy: { ...OPEN_POLICY, protocols } }));
  }

  function protect(raw: Socket, session: Buffer | undefined): TLSSocket {
    const data = tlsConnect({ socket: raw, session, maxVersion: version, rejectUnauthorized: false });
    data.on('error', () => {});
    return data;
  }

  /** The port of EPSV, for any number of connections. */
  async function portFor({ client }: Secured): Promise<number> {
    return Number(/\|(\d+)\|/.exec((await client.expect('EPSV', 229)).text)![1]);
  }

  /** An error of the handshake is what a stranger sees of it. */
  function dropped(socket: Socket): Promise<void> {
    return new Promise((resolve) => {
      if (socket.destroyed) resolve();
      else socket.resume().once('close', () => resolve());
    });
  }

  async function dial(port: number): Promise<Socket> {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  it('takes the connection with the ticket and drops the others, whoever comes first', async () => {
    await required();
    const owner = await secured({ maxVersion: version });
    const other = await secured({ maxVersion: version });
    const port = await portFor(owner);
    const foreign = protect(await dial(port), other.ticket());
    foreign.write('not mine');
    const without = protect(await dial(port), undefined);
    without.write('not mine');
    const plain = await dial(port);
    plain.write('GET / HTTP/1.0\r\n\r\n');
    await Promise.all([foreign, without, plain].map((socket) => dropped(socket)));
    const silent = await dial(port);
    const own = await dial(port);
    await owner.client.expect('STOR a', 150);
    const data = protect(own, owner.ticket());
    data.end('mine');
    expect((await owner.client.reply()).text).toMatch(/^226 .*; 4 bytes/);
    await dropped(silent);
    await other.client.expect('NOOP', 200);
  });

  it('takes it also when it comes after the transfer command and after a stranger', async () => {
    await required();
    const owner = await secured({ maxVersion: version });
    const port = await portFor(owner);
    owner.client.write('STOR a\r\n');
    const stranger = protect(await dial(port), undefined);
    expect((await owner.client.reply()).code).toBe(150);
    await dropped(stranger);
    protect(await dial(port), owner.ticket()).end('mine');
    expect((await owner.client.reply()).text).toMatch(/^226 .*; 4 bytes/);
  });

  it('finds it among any number of silent connections, before or behind them', async () => {
    await required();
    const owner = await secured({ maxVersion: version });
    for (const ownFirst of [true, false]) {
      const port = await portFor(owner);
      const dials = Array.from({ length: 41 }, () => dial(port));
      const [first, ...silent] = ownFirst ? await Promise.all(dials) : (await Promise.all(dials)).toReversed();
      await owner.client.expect('STOR a', 150);
      protect(first!, owner.ticket()).end('mine');
      expect((await owner.client.reply()).text).toMatch(/^226 .*; 4 bytes/);
      await Promise.all(silent.map((socket) => dropped(socket)));
    }
  });

  it('is not for a transfer in clear', async () => {
    await required();
    const owner = await secured({ maxVersion: version });
    await portFor(owner);
    await owner.client.expect('PROT C', 200);
    expect((await owner.client.command('STOR a')).code).toBe(425);
  });
});

describe('certificates', () => {
  it('are replaced for new connections without disturbing open ones', async () => {
    fixture = await startEngine();
    const before = await secured();
    fixture.engine.setCertificate(await testCertificate('second.example'));
    const after = await secured();
    expect(commonName(before.client)).toBe('localhost');
    expect(commonName(after.client)).toBe('second.example');
    expect((await list(before.client, before.ticket())).codes).toEqual([150, 226]);
    expect((await list(after.client, after.ticket())).codes).toEqual([150, 226]);
  });

  it('stay as they are when the new pair cannot be used', async () => {
    fixture = await startEngine();
    const { key } = await testCertificate('second.example');
    expect(() => fixture.engine.setCertificate({ cert: 'nonsense', key })).toThrow(/PEM/i);
    expect(commonName((await secured()).client)).toBe('localhost');
  });

  it('are those of the tenant that SNI names, whose data connections resume too', async () => {
    fixture = await startEngine();
    const certificate = await testCertificate('ftp.acme.example');
    fixture.ports.tenantHosts.set('ftp.acme.example', { slug: 'acme', welcome: null, certificate });
    const client = await greeted();
    await client.secure({ servername: 'FTP.acme.example' });
    let ticket: Buffer | undefined = client.tls.getSession();
    client.tls.on('session', (session) => {
      ticket = session;
    });
    expect(commonName(client)).toBe('ftp.acme.example');
    for (const [line, code] of [
      ['USER bob', 331],
      ['PASS secret', 230],
      ['PBSZ 0', 200],
      ['PROT P', 200],
    ] as const) {
      await client.expect(line, code);
    }
    expect(fixture.ports.attempts[0]!.hostTenant).toBe('acme');
    expect(await list(client, ticket)).toEqual({ codes: [150, 226], reused: true });
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('are the tenant’s whatever kinds of keys there are, %s', async (version) => {
    const [rsa, ec] = [await testCertificate('rsa.example'), await ecCertificate('ec.example')];
    for (const [own, name, certificate] of [
      [ec, 'rsa.example', rsa],
      [rsa, 'ec.example', ec],
    ] as const) {
      fixture = await startEngine({ certificate: own });
      fixture.ports.tenantHosts.set(name, { slug: 'acme', welcome: null, certificate });
      const client = await greeted();
      await client.secure({ servername: name, minVersion: version, maxVersion: version });
      expect(commonName(client)).toBe(name);
      if (name === 'rsa.example') await fixture.stop();
    }
  });

  it('are the own one where nobody has the name, or looking it up fails', async () => {
    fixture = await startEngine();
    fixture.ports.tenants.find = (host) =>
      host === 'broken.example' ? Promise.reject(new Error('database away')) : Promise.resolve(null);
    for (const servername of ['unknown.example', 'broken.example']) {
      const client = await greeted();
      await client.secure({ servername });
      expect(commonName(client)).toBe('localhost');
    }
  });
});

describe('a client that leaves before its handshake is done', () => {
  it.each([
    ['after 234', 'explicit', ''],
    ['in the middle of its hello', 'explicit', '\x16\x03\x01\x00\xee\x01\x00'],
    ['on an implicit listener', 'implicit', ''],
  ] as const)('is gone at once, %s', async (_when, tls, bytes) => {
    fixture = await startEngine({ tls: [tls] });
    const socket = connect(fixture.port(), '127.0.0.1');
    await once(socket, 'connect');
    if (tls === 'explicit') {
      await once(socket, 'data');
      socket.write('AUTH TLS\r\n');
      await once(socket, 'data');
    }
    const ended = once(socket.resume(), 'close');
    socket.end(Buffer.from(bytes, 'latin1'));
    await ended;
    await fixture.ports.journal.until(() => endedSessions().length === 1);
    expect(endedSessions()).toEqual([expect.objectContaining({ reason: 'connection-closed' })]);
  });
});

describe('a server name where no host has a certificate', () => {
  /** Looking it up ends when `found` is called. */
  async function slowTenants(): Promise<{ found: () => void }> {
    await withTenants();
    const { tenants, tenantHosts } = fixture.ports;
    let found!: () => void;
    const looked = new Promise<void>((resolve) => (found = resolve));
    tenants.find = async (host) => {
      await looked;
      return tenantHosts.get(host) ?? null;
    };
    return { found };
  }

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('is known to what follows the handshake, %s', async (version) => {
    const { found } = await slowTenants();
    const client = await greeted();
    await client.secure({ servername: 'FTP.Acme.Example', minVersion: version, maxVersion: version });
    client.write('USER bob\r\nPASS secret\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(fixture.ports.attempts).toHaveLength(0);
    found();
    expect([(await client.reply()).code, (await client.reply()).code]).toEqual([331, 230]);
    expect(fixture.ports.attempts[0]!.hostTenant).toBe('acme');
  });

  it('is nothing to a session that was ended meanwhile', async () => {
    const { found } = await slowTenants();
    const client = await greeted();
    await client.secure({ servername: 'ftp.acme.example' });
    client.write('USER bob\r\n');
    expect(await fixture.engine.endSession(fixture.engine.sessions()[0]!.id, { text: 'Away.', reason: 'kicked' })).toBe(
      true,
    );
    found();
    expect(await client.closed()).toBe('');
    expect(fixture.engine.sessions()).toHaveLength(0);
    expect(fixture.ports.complaints).toEqual([]);
  });
});

describe('HOST', () => {
  it('chooses the tenant, the last one holding', async () => {
    await withTenants();
    const client = await greeted();
    await client.expect('HOST ftp.umbrella.example', 220);
    expect((await client.expect('HOST FTP.Acme.Example', 220)).text).toBe('220 Welcome to Acme\r\n');
    await client.expect('USER bob', 331);
    await client.expect('PASS secret', 230);
    expect(fixture.ports.attempts[0]!.hostTenant).toBe('acme');
    await client.expect('HOST ftp.acme.example', 503);
  });

  it('starts the login over', async () => {
    await withTenants();
    const client = await greeted();
    await client.expect('USER bob', 331);
    await client.expect('HOST ftp.acme.example', 220);
    await client.expect('PASS secret', 503);
  });

  it.each([
    ['unknown.example', 504],
    ['192.0.2.1', 504],
    ['127.0.0.1', 220],
    ['[::1]', 504],
    ['::1', 501],
    ['ftp.acme.example:21', 501],
    ['[127.0.0.1', 501],
    ['300.1.1.1', 501],
    ['-bad-.example', 501],
    ['a b', 501],
    ['', 501],
  ])('%j is answered %d', async (argument, code) => {
    await withTenants();
    const client = await greeted();
    await client.expect(`HOST ${argument}`, code);
    await client.expect('NOOP', 200);
  });

  it('must match the server name of the handshake', async () => {
    await withTenants();
    const named = await greeted();
    await named.secure({ servername: 'ftp.acme.example' });
    await named.expect('HOST ftp.umbrella.example', 504);
    await named.expect('HOST ftp.acme.example', 220);
    const unnamed = await greeted();
    await unnamed.secure();
    await unnamed.expect('HOST ftp.acme.example', 503);
  });
});
