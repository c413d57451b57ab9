import { afterEach, describe, expect, it } from '@jest/globals';
import { DomainError, OPEN_POLICY } from '@quayside/domain';
import { aGrant, type EngineFixture, type FixtureOptions, type RawFtpClient, startEngine } from '@quayside/testing';

let fixture: EngineFixture;
afterEach(() => fixture.stop());

async function start(options: FixtureOptions = {}): Promise<void> {
  fixture = await startEngine(options);
}

/** A client that has read the greeting. */
async function greeted(): Promise<RawFtpClient> {
  const client = await fixture.connect();
  expect((await client.reply()).code).toBe(220);
  return client;
}

/** Plays lines with the code that each must have on one connection; what was answered otherwise. */
async function mismatches(client: RawFtpClient, script: readonly (readonly [string, number])[]): Promise<string[]> {
  const found: string[] = [];
  for (const [line, code] of script) {
    const reply = await client.command(line);
    if (reply.code !== code) found.push(`${line}: ${reply.text}`);
  }
  return found;
}

describe('login', () => {
  it('asks for a password whatever the name, known or not', async () => {
    await start();
    const client = await greeted();
    const known = await client.expect('USER bob', 331);
    const unknown = await client.expect('USER nobody', 331);
    expect(unknown.text).toBe(known.text);
  });

  it('gives one reply for every refusal', async () => {
    await start({ limits: { loginFailures: 99 } });
    fixture.ports.beforeLogin = ({ login }) => {
      if (login === 'suspended') throw new DomainError('account.suspended');
      if (login === 'unpaid') throw new DomainError('account.suspended', { detail: 'Please pay\r\ninvoice 7' });
      if (login === 'elsewhere') throw new DomainError('access.address-refused');
      if (login === 'busy') throw new DomainError('session.limit');
    };
    const client = await greeted();
    const replies = new Set<string>();
    for (const login of ['bob', 'nobody', 'suspended', 'elsewhere', 'busy']) {
      await client.expect(`USER ${login}`, 331);
      replies.add((await client.expect('PASS wrong', 530)).text);
    }
    expect([...replies]).toHaveLength(1);
    // What an admin wrote for the customer, who has proved to be the one.
    await client.expect('USER unpaid', 331);
    expect((await client.expect('PASS secret', 530)).lines).toEqual(['530 Please pay invoice 7']);
    expect(fixture.ports.journal.facts('login.failed').map(({ error }) => error.code)).toEqual([
      'auth.failed',
      'auth.failed',
      'account.suspended',
      'access.address-refused',
      'session.limit',
      'account.suspended',
    ]);
  });

  it('starts the sequence again with a second USER, and logs in the last name', async () => {
    await start();
    fixture.ports.addAccount('eve', aGrant({ username: 'eve' }), 'other');
    const client = await greeted();
    expect(
      await mismatches(client, [
        ['USER bob', 331],
        ['PASS wrong', 530],
        ['PASS secret', 503],
        ['USER bob', 331],
        ['USER eve', 331],
        ['PASS other', 230],
        ['USER bob', 503],
        ['PASS secret', 503],
      ]),
    ).toEqual([]);
    expect(fixture.ports.attempts.map(({ login }) => login)).toEqual(['bob', 'eve']);
  });

  it('takes passwords byte for byte', async () => {
    await start();
    for (const password of ['with "quotes"', ' -x  two  spaces ', 'pässwörd€', '-l', 'x'.repeat(200)]) {
      fixture.ports.addAccount('bob', aGrant(), password);
      const client = await greeted();
      expect(
        await mismatches(client, [
          ['USER bob', 331],
          [`PASS ${password}`, 230],
          ['QUIT', 221],
        ]),
      ).toEqual([]);
    }
  });

  it('runs nothing that needs a login before it', async () => {
    await start();
    expect(
      await mismatches(await greeted(), [
        ['PASS secret', 503],
        ['PWD', 530],
        ['CWD /', 530],
        ['TYPE I', 530],
        ['REIN', 530],
      ]),
    ).toEqual([]);
  });

  it('answers before login what clients send before login', async () => {
    await start();
    expect(
      await mismatches(await greeted(), [
        ['FEAT', 211],
        ['OPTS UTF8 ON', 200],
        ['opts utf8 on', 200],
        ['OPTS MLST type;size;', 200],
        ['CLNT Windows Explorer', 200],
        ['SYST', 215],
        ['NOOP', 200],
        ['HELP', 214],
        ['site help', 214],
        ['LANG', 200],
        ['ACCT x', 202],
      ]),
    ).toEqual([]);
  });

  it('explains each verb in plain ASCII', async () => {
    await start();
    const client = await greeted();
    const known = (await client.expect('HELP', 214)).lines.slice(1, -1).join(' ').trim().split(/ +/);
    expect(known).toEqual(expect.arrayContaining(['USER', 'XSHA256', 'MLSD']));
    for (const verb of known) {
      expect((await client.expect(`HELP ${verb}`, 214)).text).toMatch(new RegExp(`^214 Syntax: ${verb}[ -~]+\r\n$`));
    }
  });

  it('closes with 421 after too many failures', async () => {
    await start({ limits: { loginFailures: 3 } });
    const client = await greeted();
    client.write('USER a\r\nPASS 1\r\nUSER a\r\nPASS 2\r\nUSER a\r\nPASS 3\r\nUSER bob\r\nPASS secret\r\n');
    const codes = [];
    for (let index = 0; index < 6; index++) codes.push((await client.reply()).code);
    expect(codes).toEqual([331, 530, 331, 530, 331, 421]);
    expect(await client.closed()).toBe('');
    expect(fixture.ports.attempts).toHaveLength(3);
  });

  it('delays each failure longer than the one before, also when they are pipelined', async () => {
    await start({ limits: { loginFailures: 99, loginFailureDelay: 40 } });
    const client = await greeted();
    const began = Date.now();
    client.write('USER a\r\nPASS 1\r\n'.repeat(4));
    for (let index = 0; index < 8; index++) await client.reply();
    expect(Date.now() - began).toBeGreaterThanOrEqual((1 + 2 + 3 + 4) * 40 - 10);
  });

  it('closes with 421 when the login cannot be decided', async () => {
    await start();
    fixture.ports.beforeLogin = () => {
      throw new DomainError('database.unavailable');
    };
    const client = await greeted();
    expect(
      await mismatches(client, [
        ['USER bob', 331],
        ['PASS secret', 421],
      ]),
    ).toEqual([]);
    expect(await client.closed()).toBe('');
  });

  it('logs out with REIN and keeps the connection', async () => {
    await start();
    const client = await fixture.login();
    expect(
      await mismatches(client, [
        ['TYPE I', 200],
        ['REIN', 220],
        ['PWD', 530],
        ['USER bob', 331],
        ['PASS secret', 230],
        ['PWD', 257],
      ]),
    ).toEqual([]);
  });
});

describe('settings', () => {
  it.each([
    ['TYPE A', 200],
    ['TYPE a n', 200],
    ['TYPE I', 200],
    ['TYPE L 8', 200],
    ['TYPE L8', 200],
    ['TYPE A T', 504],
    ['TYPE A C', 504],
    ['TYPE E', 504],
    ['TYPE L 36', 504],
    ['TYPE ?!?', 504],
    ['TYPE A N junk', 501],
    ['TYPE I junk', 501],
    ['TYPE', 501],
    ['MODE S', 200],
    ['MODE B', 504],
    ['MODE C', 504],
    ['MODE SS', 501],
    ['STRU F', 200],
    ['STRU R', 504],
    ['STRU P', 504],
    ['STRU', 501],
    ['SMNT /x', 502],
    ['FOO', 500],
    ['', 500],
    ['NOOP x', 501],
    ['ABOR x', 501],
    ['QUIT x', 501],
    ['OPTS MLST type', 501],
    ['OPTS MLST', 200],
    ['SITE HELP QUOTA', 214],
    ['SITE HELP FOO', 501],
    ['PWD x', 501],
    ['LANG en', 200],
    ['LANG de', 504],
    ['OPTS', 501],
    ['OPTS FOO', 501],
    ['OPTS UTF8 MAYBE', 501],
    ['HELP STOR', 214],
    ['HELP FOO', 501],
    ['SITE FOO', 501],
    ['SITE', 501],
    ['SITE QUOTA', 200],
    ['AUTH FOO', 504],
    ['PBSZ 0', 503],
    ['PROT P', 503],
    ['CCC', 533],
    ['CDUP', 250],
    ['XPWD', 257],
    ['XCUP', 250],
    ['XCWD /', 250],
    ['CWD /missing', 550],
  ])('%j is answered %d', async (line, code) => {
    await start();
    expect((await (await fixture.login()).command(line)).code).toBe(code);
  });

  it('lists exactly these features', async () => {
    await start();
    const { lines } = await (await greeted()).expect('FEAT', 211);
    expect(lines).toEqual([
      '211-Features:',
      ' AUTH SSL',
      ' AUTH TLS',
      ' PBSZ',
      ' PROT',
      ' HOST',
      ' UTF8',
      ' CLNT',
      ' EPSV',
      ' EPRT',
      ' PASV',
      ' SIZE',
      ' MDTM',
      ' MFMT',
      ' REST STREAM',
      ' TVFS',
      ' AVBL',
      ' HASH SHA-256*;SHA-512;SHA-1;MD5;CRC32',
      ' MLST type*;size*;modify*;perm*;unique*;X.sha256;',
      '211 End',
    ]);
  });

  it('leaves out of FEAT what the server does not have', async () => {
    await start({ withoutCertificate: true, tenants: false });
    const { text } = await (await greeted()).expect('FEAT', 211);
    for (const absent of ['AUTH', 'PBSZ', 'PROT', 'HOST']) expect(text).not.toContain(absent);
    await (await greeted()).expect('AUTH TLS', 431);
  });

  it('marks in FEAT what OPTS chose', async () => {
    await start();
    const client = await greeted();
    expect((await client.expect('OPTS MLST Size;X.SHA256;unknown;', 200)).text).toBe(
      '200 MLST OPTS size;X.sha256;\r\n',
    );
    await client.expect('OPTS HASH sha-1', 200);
    await client.expect('OPTS MLST size; type;', 501);
    await client.expect('OPTS HASH MD4', 501);
    const { text } = await client.expect('FEAT', 211);
    expect(text).toContain(' MLST type;size*;modify;perm;unique;X.sha256*;');
    expect(text).toContain(' HASH SHA-256;SHA-512;SHA-1*;MD5;CRC32');
  });

  it('goes where CWD says and doubles quotes in 257', async () => {
    await start();
    const client = await fixture.login();
    const [mount] = fixture.ports.accounts.get('bob')!.grant.mounts;
    await fixture.ports.backendOf(mount!).makeDirectory('/a "b"  -c' as never);
    expect((await client.expect('CWD a "b"  -c', 250)).code).toBe(250);
    expect((await client.expect('PWD', 257)).text).toBe('257 "/a ""b""  -c" is the current directory.\r\n');
    await client.expect('CDUP', 250);
    await client.expect('CWD ../../..', 250);
    expect((await client.expect('PWD', 257)).text).toContain('"/"');
  });

  it('tells the state of the session with STAT', async () => {
    await start();
    const client = await fixture.login();
    const { text } = await client.expect('STAT', 211);
    expect(text).toContain('Logged in as bob@acme');
  });

  it('survives arguments with NUL, control and non-UTF-8 bytes', async () => {
    await start();
    const client = await fixture.login();
    client.write(Buffer.from('CWD a\0b\r\nCLNT \xff\x01\xe9\r\nNOOP\r\n', 'latin1'));
    expect([(await client.reply()).code, (await client.reply()).code, (await client.reply()).code]).toEqual([
      550, 200, 200,
    ]);
  });
});

describe('data protection', () => {
  it('is refused or required by state', async () => {
    await start();
    fixture.ports.addAccount(
      'strict',
      aGrant({
        policy: { ...OPEN_POLICY, protocols: { ...OPEN_POLICY.protocols, tls: 'required' } },
      }),
    );
    const client = await greeted();
    await client.secure();
    expect(
      await mismatches(client, [
        ['AUTH TLS', 503],
        ['PROT P', 503],
        ['PBSZ x', 501],
        ['PBSZ 0', 200],
        ['PROT S', 536],
        ['PROT E', 536],
        ['PROT X', 504],
        ['PROT C', 200],
        ['PROT P', 200],
        ['CCC', 500],
        ['PROT C', 200],
        ['USER strict', 331],
        ['PASS secret', 230],
        ['LIST', 521],
        ['RETR x', 521],
        ['STOR x', 521],
        ['EPSV', 229],
        ['PROT C', 534],
      ]),
    ).toEqual([]);
  });
});
