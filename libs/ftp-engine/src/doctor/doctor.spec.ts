import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import { DomainError, OPEN_POLICY } from '@quayside/domain';
import { aGrant, type EngineFixture, type FixtureOptions, RawFtpClient, startEngine } from '@quayside/testing';
import { diagnoseSession } from './diagnose.js';
import { doctorPage } from './doctor-page.js';
import { type Diagnosis, DOCTOR } from './doctor-table.js';

const PAGE = new URL('../../../../docs/doctor.md', import.meta.url);

it('docs/doctor.md is current', () => {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, doctorPage());
  expect(readFileSync(PAGE, 'utf8')).toBe(doctorPage());
});

describe('what the doctor says of a broken client', () => {
  let fixture: EngineFixture;
  afterEach(() => fixture.stop());

  async function start(options: FixtureOptions = {}): Promise<RawFtpClient> {
    fixture = await startEngine(options);
    const client = await fixture.connect();
    await client.reply();
    return client;
  }
  async function logIn(client: RawFtpClient): Promise<void> {
    await client.expect('USER bob', 331);
    await client.expect('PASS secret', 230);
  }
  async function sessionDoctor(): Promise<string | undefined> {
    await fixture.ports.journal.until((journal) => journal.facts('session.closed').length > 0);
    const { doctor } = fixture.ports.journal.facts('session.closed')[0]!;
    return doctor === null || doctor.hint === (DOCTOR as Record<string, Diagnosis>)[doctor.code]?.hint
      ? doctor?.code
      : 'not in the table';
  }
  async function transferReason(): Promise<string | null> {
    await fixture.ports.journal.until((journal) => journal.of('upload.failed').length > 0);
    return journalUploads()[0]!.facts.reason;
  }
  const journalUploads = () => fixture.ports.journal.of('upload.failed');
  const dataReasons = (): string[] => fixture.ports.journal.facts('data.failed').map(({ reason }) => reason);

  it.each([
    ['auth.failed', 'BAD_CREDENTIAL'],
    ['access.address-refused', 'ADDRESS_DENIED'],
    ['access.time-refused', 'HOURS_DENIED'],
    ['account.suspended', 'SUSPENDED'],
    ['access.expired', 'EXPIRED'],
    ['access.protocol-refused', 'PROTOCOL_DENIED'],
    ['session.limit', 'TOO_MANY_SESSIONS'],
    ['auth.certificate', 'CERTIFICATE_DENIED'],
  ] as const)('a login refused with %s is %s, and reads like any other', async (code, doctor) => {
    const client = await start();
    fixture.ports.beforeLogin = () => {
      throw new DomainError(code);
    };
    await client.expect('USER bob', 331);
    expect((await client.expect('PASS secret', 530)).text).toContain('Authentication failed.');
    expect(fixture.ports.journal.facts('login.failed')[0]!.doctor).toEqual({ code: doctor, hint: DOCTOR[doctor].hint });
  });

  it('a browser is FOREIGN_PROTOCOL', async () => {
    const client = await start();
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await sessionDoctor()).toBe('FOREIGN_PROTOCOL');
  });

  it('a command behind AUTH is PLAINTEXT_AFTER_AUTH', async () => {
    const client = await start();
    client.write('AUTH TLS\r\nUSER injected\r\n');
    expect(await sessionDoctor()).toBe('PLAINTEXT_AFTER_AUTH');
  });

  it('a handshake of nonsense is CONTROL_TLS_FAILED', async () => {
    const client = await start();
    await client.expect('AUTH TLS', 234);
    client.write('this is no ClientHello\r\n');
    expect(await sessionDoctor()).toBe('CONTROL_TLS_FAILED');
  });

  it('a client that says nothing is LOGIN_TIMEOUT, and IDLE after its login', async () => {
    await start({ timeouts: { login: 80 } });
    expect(await sessionDoctor()).toBe('LOGIN_TIMEOUT');
    await fixture.stop();
    const client = await start({ timeouts: { idle: 80 } });
    await logIn(client);
    expect(await sessionDoctor()).toBe('IDLE');
  });

  it('a client that quits is nothing to ask the doctor about, one that vanishes is CONNECTION_LOST', async () => {
    const client = await start();
    await client.expect('QUIT', 221);
    expect(await sessionDoctor()).toBeUndefined();
    await fixture.stop();
    (await start()).close();
    expect(await sessionDoctor()).toBe('CONNECTION_LOST');
  });

  it('a passive port that nobody comes to is PASV_NEVER_CONNECTED, one where strangers come STRANGER_ON_DATA_PORT', async () => {
    const client = await start({ timeouts: { dataConnect: 100 } });
    await logIn(client);
    await client.expect('PASV', 227);
    await client.expect('STOR a', 425);
    const { text } = await client.expect('EPSV', 229);
    const stranger = connect({
      port: Number(/\|(\d+)\|/.exec(text)![1]),
      host: '127.0.0.1',
      localAddress: '127.0.0.2',
    });
    stranger.on('error', () => {});
    await once(stranger, 'close');
    await client.expect('STOR a', 425);
    expect(dataReasons()).toEqual(['PASV_NEVER_CONNECTED', 'STRANGER_ON_DATA_PORT']);
  });

  it('a transfer in clear where it must be protected is PROT_MISSING', async () => {
    const client = await start();
    const policy = { ...OPEN_POLICY, protocols: { ...OPEN_POLICY.protocols, tls: 'required' as const } };
    fixture.ports.addAccount('bob', aGrant({ policy }));
    await client.secure();
    await client.expect('USER bob', 331);
    await client.expect('PASS secret', 230);
    await client.expect('LIST', 521);
    expect(dataReasons()).toEqual(['PROT_MISSING']);
  });

  it.each([
    ['abort', 'CLIENT_ABORT'],
    ['vanish', 'CONTROL_LOST'],
    ['stall', 'STALLED'],
  ])('an upload that ends by %s is %s', async (act, reason) => {
    const client = await start({ timeouts: { stall: act === 'stall' ? 80 : 5000 } });
    await logIn(client);
    await client.expect('TYPE I', 200);
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    data.write('some bytes');
    if (act === 'abort') client.write('ABOR\r\n');
    if (act === 'vanish') client.close();
    expect(await transferReason()).toBe(reason);
    data.destroy();
  });

  it.each([
    ['auth.throttled', 'THROTTLED'],
    ['auth.busy', 'SERVER_BUSY'],
    ['database.unavailable', 'SERVER_BUSY'],
    ['tenant.not-found', 'LOGIN_REFUSED'],
  ] as const)('a login that %s kept from being decided is %s', async (code, doctor) => {
    const client = await start();
    fixture.ports.beforeLogin = () => {
      throw new DomainError(code);
    };
    await client.expect('USER bob', 331);
    await client.command('PASS secret');
    expect(fixture.ports.journal.facts('login.failed')[0]!.doctor).toEqual({ code: doctor, hint: DOCTOR[doctor].hint });
  });

  it.each<[string, FixtureOptions, (client: RawFtpClient) => Promise<void>]>([
    [
      'LOGIN_FAILURES',
      { limits: { loginFailures: 1 } },
      async (client) => {
        await client.expect('USER bob', 331);
        await client.expect('PASS wrong', 421);
      },
    ],
    ['COMMAND_FLOOD', {}, async (client) => client.write(`${'x'.repeat(5000)}\r\n${'x'.repeat(5000)}\r\n`)],
    ['COMMAND_FLOOD', { limits: { commandsBeforeLogin: 3 } }, async (client) => client.write('NOOP\r\n'.repeat(4))],
    [
      'DATA_UNUSED',
      { timeouts: { idle: 60_000, stall: 80 } },
      async (client) => {
        await logIn(client);
        await client.passive();
      },
    ],
    [
      'ENDED_BY_SERVER',
      {},
      async (client) => {
        await logIn(client);
        const [session] = fixture.engine.sessions();
        await fixture.engine.endSession(session!.id, { reason: 'kicked', text: 'Bye' });
      },
    ],
  ])('a session can end as %s', async (doctor, options, act) => {
    await act(await start(options));
    expect(await sessionDoctor()).toBe(doctor);
  });

  it('a port that the client does not listen on is ACTIVE_REFUSED', async () => {
    const client = await start();
    await logIn(client);
    await client.expect('PORT 127,0,0,1,4,1', 200);
    await client.expect('STOR a', 425);
    expect(dataReasons()).toEqual(['ACTIVE_REFUSED']);
    expect(await transferReason()).toBe('ACTIVE_REFUSED');
  });

  it('nonsense in place of the data handshake is TLS_HANDSHAKE_FAILED', async () => {
    const client = await start();
    await client.secure();
    await logIn(client);
    await client.expect('PBSZ 0', 200);
    await client.expect('PROT P', 200);
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    data.write('this is no ClientHello at all');
    expect((await client.reply()).code).toBe(522);
    expect(dataReasons()).toEqual(['TLS_HANDSHAKE_FAILED']);
  });

  it('another TLS session where the own one must be resumed is TLS_SESSION_NOT_RESUMED', async () => {
    const client = await start();
    const policy = { ...OPEN_POLICY, protocols: { ...OPEN_POLICY.protocols, sessionReuse: 'require' as const } };
    fixture.ports.addAccount('bob', aGrant({ policy }));
    await client.secure();
    await logIn(client);
    await client.expect('PBSZ 0', 200);
    await client.expect('PROT P', 200);
    const data = await client.passive();
    await client.expect('LIST', 150);
    const secured = tlsConnect({ socket: data, rejectUnauthorized: false });
    secured.on('error', () => {});
    expect((await client.reply()).code).toBe(522);
    expect(dataReasons()).toEqual(['TLS_SESSION_NOT_RESUMED']);
    secured.destroy();
  });

  it('a reset upload is CONNECTION_RESET, a kicked one SESSION_ENDED, one of another size SIZE_MISMATCH', async () => {
    const client = await start();
    await logIn(client);
    await client.expect('TYPE I', 200);
    const begin = async () => {
      const data = await client.passive();
      data.on('error', () => {});
      await client.expect('STOR a', 150);
      return data;
    };
    const reset = await begin();
    reset.write('some bytes');
    reset.resetAndDestroy();
    expect((await client.reply()).code).toBe(426);
    await client.expect('ALLO 5', 200);
    (await begin()).end('four');
    expect((await client.reply()).code).toBe(426);
    await begin();
    const [session] = fixture.engine.sessions();
    await fixture.engine.endSession(session!.id, { reason: 'kicked', text: 'Bye' });
    expect(journalUploads().map(({ facts }) => facts.reason)).toEqual([
      'CONNECTION_RESET',
      'SIZE_MISMATCH',
      'SESSION_ENDED',
    ]);
  });

  it('what cannot be stored says why: quota, traffic, disk, name, storage, journal or a bug', async () => {
    const client = await start();
    await logIn(client);
    const reasons: (string | null)[] = [];
    fixture.ports.quota.limitBytes = 3;
    reasons.push(await storing(client, 'four'));
    fixture.ports.quota.limitBytes = null;
    const backend = fixture.ports.backendOf(fixture.ports.accounts.get('bob')!.grant.mounts[0]!);
    const openWrite = backend.openWrite.bind(backend);
    for (const failure of [
      new DomainError('quota.file-too-large'),
      new DomainError('quota.traffic'),
      new DomainError('database.unavailable'),
      new DomainError('storage.full'),
      new DomainError('path.exists'),
      new DomainError('storage.unavailable'),
      new DomainError('journal.full'),
      new Error('a bug'),
    ]) {
      backend.openWrite = async (target, options) => {
        const writer = await openWrite(target, options);
        writer.seal = () => Promise.reject(failure);
        return writer;
      };
      reasons.push(await storing(client, 'four'));
    }
    expect(reasons).toEqual([
      'QUOTA',
      'FILE_TOO_LARGE',
      'TRAFFIC',
      'DATABASE_AWAY',
      'DISK_FULL',
      'NAME_TAKEN',
      'STORAGE_ERROR',
      'JOURNAL_ERROR',
      'INTERNAL',
    ]);
    for (const reason of reasons) expect(DOCTOR).toHaveProperty(reason!);
  });

  async function storing(client: RawFtpClient, bytes: string): Promise<string | null> {
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    data.end(bytes);
    await client.reply();
    return journalUploads().at(-1)!.facts.reason;
  }
});

it('a client that reads no replies is REPLIES_UNREAD', () => {
  expect(diagnoseSession('replies-unread')).toBe('REPLIES_UNREAD');
});

it('every code has a spec that brings it about', () => {
  const specs = ['doctor/doctor', 'commands/data-connections', 'transfer/live-limits']
    .map((name) => readFileSync(new URL(`../${name}.spec.ts`, import.meta.url), 'utf8'))
    .join('');
  expect(Object.keys(DOCTOR).filter((code) => !specs.includes(`'${code}'`))).toEqual([]);
});
