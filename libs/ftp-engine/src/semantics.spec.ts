import { once } from 'node:events';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { DomainError, OPEN_POLICY, type SessionGrant } from '@quayside/domain';
import { LocalBackend, type StorageBackend } from '@quayside/storage';
import { aGrant, type EngineFixture, type FixtureOptions, RawFtpClient, startEngine } from '@quayside/testing';

let fixture: EngineFixture;
let client: RawFtpClient;
const folders: string[] = [];

async function start(options: FixtureOptions = {}, grant?: SessionGrant): Promise<void> {
  fixture = await startEngine(options);
  if (grant !== undefined) fixture.ports.addAccount('bob', grant);
  client = await fixture.connect();
  expect((await client.reply()).code).toBe(220);
}
afterEach(async () => {
  jest.restoreAllMocks();
  await fixture.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const LOGIN = '> USER bob\n< 331\n> PASS secret\n< 230\n> TYPE I\n< 200\n';

/** `> line` is sent, `< 250 text` is a reply that begins so; resolves to the replies that do not. */
async function play(transcript: string): Promise<string[]> {
  const wrong: string[] = [];
  let sent = '';
  for (const line of transcript.trimEnd().split('\n')) {
    const text = line.slice(2);
    if (line.startsWith('>')) {
      sent = text;
      client.write(`${text}\r\n`);
      continue;
    }
    const reply = await client.reply();
    if (!reply.text.startsWith(text)) wrong.push(`${sent}: ${reply.text}`);
  }
  return wrong;
}

async function put(name: string, bytes: string): Promise<number> {
  const data = await client.passive();
  data.on('error', () => {});
  await client.expect(`STOR ${name}`, 150);
  data.end(bytes);
  return (await client.reply()).code;
}

async function listed(line: string): Promise<string> {
  const data = await client.passive();
  let text = '';
  data.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const closed = once(data, 'close');
  await client.expect(line, 150);
  expect((await client.reply()).code).toBe(226);
  await closed;
  return text;
}

/** The account's space on disk. */
async function startOnDisk(): Promise<string> {
  await start();
  const folder = mkdtempSync(join(tmpdir(), 'semantics-'));
  folders.push(folder);
  for (const name of ['files', 'staging']) mkdirSync(join(folder, name));
  const [mount] = fixture.ports.accounts.get('bob')!.grant.mounts;
  fixture.ports.backends.set(mount!.mountId, LocalBackend.open({ folder }));
  expect(await play(LOGIN)).toEqual([]);
  return folder;
}

const backendOf = (): StorageBackend => {
  const [mount] = fixture.ports.accounts.get('bob')!.grant.mounts;
  return fixture.ports.backendOf(mount!);
};

describe('quota', () => {
  it('a full disk is 452, before the 150 and after it', async () => {
    await start();
    expect(await play(LOGIN)).toEqual([]);
    const open = fixture.ports.quota.open.bind(fixture.ports.quota);
    fixture.ports.quota.open = () => Promise.reject(new DomainError('storage.full'));
    await client.passive();
    expect(await play('> STOR a\n< 452')).toEqual([]);
    fixture.ports.quota.open = open;
    const backend = backendOf();
    const openWrite = backend.openWrite.bind(backend);
    backend.openWrite = async (target, options) => {
      const writer = await openWrite(target, options);
      writer.seal = () => Promise.reject(new DomainError('storage.full'));
      return writer;
    };
    expect(await put('a', 'bytes')).toBe(452);
    expect(fixture.ports.journal.of('upload.failed')[0]!.facts.reason).toBe('DISK_FULL');
  });

  it('a file that ends exactly at the limit is stored, one byte more is 552, and MKD takes no room', async () => {
    await start();
    fixture.ports.quota.limitBytes = 5;
    expect(await play(LOGIN)).toEqual([]);
    expect(await put('a', '12345')).toBe(226);
    expect(await put('b', '123456')).toBe(552);
    expect(await play('> MKD d\n< 257\n> AVBL\n< 213 5\r\n> SITE QUOTA\n< 200-')).toEqual([]);
  });

  it('REST takes the digits of a position and nothing else', async () => {
    await start();
    expect(await play(LOGIN)).toEqual([]);
    expect(
      await play('> REST -1\n< 501\n> REST +1\n< 501\n> REST 1e3\n< 501\n> REST 0x10\n< 501\n> REST  1\n< 501'),
    ).toEqual([]);
    expect(
      await play(
        '> REST 9223372036854775808\n< 501\n> REST 18446744073709551617\n< 501\n> REST 9223372036854775807\n< 350\n> REST 0\n< 350',
      ),
    ).toEqual([]);
  });
});

describe('uploads', () => {
  it('in mode direct show as they arrive and stay where they were cut, for a resume', async () => {
    const policy = { ...OPEN_POLICY, uploads: { ...OPEN_POLICY.uploads, mode: 'direct' as const } };
    await start({}, aGrant({ policy }));
    expect(await play(LOGIN)).toEqual([]);
    const data = await client.passive();
    // What it sent after the last read is lost with the connection, which shows as a reset.
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    data.write(Buffer.alloc(1024 * 1024));
    while ((fixture.engine.sessions()[0]!.transfer?.bytes ?? 0) === 0) await new Promise(setImmediate);
    client.write('ABOR\r\n');
    expect((await client.reply()).code).toBe(426);
    expect((await client.reply()).code).toBe(226);
    const size = Number((await client.expect('SIZE a', 213)).text.slice(4));
    expect(size).toBeGreaterThan(0);
    expect(await play(`> REST ${size}\n< 350`)).toEqual([]);
    expect(await put('a', 'tail')).toBe(226);
    expect(await play(`> SIZE a\n< 213 ${size + 4}\r\n`)).toEqual([]);
  });

  it('after their 226 have nothing to abort', async () => {
    await start();
    expect(await play(LOGIN)).toEqual([]);
    expect(await put('a', 'x')).toBe(226);
    expect(await play('> ABOR\n< 226')).toEqual([]);
  });
});

describe('login', () => {
  it('wants USER before PASS, and only once', async () => {
    await start();
    expect(await play('> PASS secret\n< 503\n> USER bob\n< 331\n> PASS wrong\n< 530\n> PASS secret\n< 503')).toEqual(
      [],
    );
    expect(await play(LOGIN)).toEqual([]);
    expect(await play('> USER alice\n< 503\n> PASS secret\n< 503\n> PWD\n< 257')).toEqual([]);
  });

  it('of an account that must use TLS is 331 and then 530 in clear', async () => {
    await start();
    fixture.ports.beforeLogin = ({ tls }) => {
      if (!tls) throw new DomainError('auth.tls-required');
    };
    expect(await play('> USER bob\n< 331\n> PASS secret\n< 530')).toEqual([]);
    await client.secure();
    expect(await play(LOGIN)).toEqual([]);
  });
});

describe('TLS', () => {
  it('is offered by AUTH TLS, TLS-C and SSL, once', async () => {
    await start();
    expect(await play('> AUTH GSSAPI\n< 504\n> PBSZ 0\n< 503\n> PROT P\n< 503')).toEqual([]);
    for (const mechanism of ['TLS', 'TLS-C', 'SSL', 'tls']) {
      const other = await fixture.connect();
      await other.reply();
      await other.expect(`AUTH ${mechanism}`, 234);
      await other.handshake();
      await other.expect('AUTH TLS', 503);
    }
  });

  it('asks for PBSZ before PROT, and refuses transfers in clear, not their preparation, where they must be protected', async () => {
    const policy = { ...OPEN_POLICY, protocols: { ...OPEN_POLICY.protocols, tls: 'required' as const } };
    await start({}, aGrant({ policy }));
    await client.secure();
    expect(await play(LOGIN)).toEqual([]);
    expect(await play('> PROT P\n< 503\n> PASV\n< 227\n> EPSV\n< 229')).toEqual([]);
    for (const verb of ['LIST', 'NLST', 'MLSD', 'RETR a', 'STOR a', 'STOU', 'APPE a'])
      expect(await play(`> ${verb}\n< 521`)).toEqual([]);
    expect(await play('> PBSZ 0\n< 200 PBSZ=0\n> PROT C\n< 534\n> PROT P\n< 200')).toEqual([]);
  });

  it('stays on after REIN, with a new login', async () => {
    await start();
    await client.secure();
    expect(await play(LOGIN)).toEqual([]);
    expect(await play('> REIN\n< 220\n> PWD\n< 530')).toEqual([]);
    expect(await play(LOGIN)).toEqual([]);
    expect(client.tls.encrypted).toBe(true);
  });
});

describe('representation', () => {
  it('begins as ASCII, in which nothing is said of sizes', async () => {
    await start();
    expect(
      await play('> USER bob\n< 331\n> PASS secret\n< 230\n> SIZE none\n< 550 SIZE not allowed in ASCII mode'),
    ).toEqual([]);
  });

  it('listings have CRLF in every type', async () => {
    await start();
    expect(await play(LOGIN)).toEqual([]);
    expect(await put('a', 'x')).toBe(226);
    for (const verb of ['LIST', 'NLST', 'MLSD']) {
      const text = await listed(verb);
      expect(text).toMatch(/^[^\r\n]*a\r\n$/);
      expect(await play('> TYPE A\n< 200')).toEqual([]);
      expect(await listed(verb)).toBe(text);
      expect(await play('> TYPE I\n< 200')).toEqual([]);
    }
  });
});

describe('facts', () => {
  it('MLSD of a file is 501, of nothing 550; MLST has one indented line', async () => {
    await start();
    expect(await play(LOGIN)).toEqual([]);
    expect(await put('a b', 'x')).toBe(226);
    await client.passive();
    expect(await play('> MLSD a b\n< 501\n> MLSD none\n< 550\n> MLST none\n< 550')).toEqual([]);
    const { lines } = await client.expect('MLST a b', 250);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^250-/);
    expect(lines[1]).toMatch(/^ (?:[A-Za-z.]+=[^ ;]*;)+ \/a b$/);
    expect(lines[2]).toBe('250 End');
    expect(
      await play('> MDTM none\n< 550\n> MDTM /\n< 550\n> MFMT 20240101000000 none\n< 550\n> MFMT x a b\n< 501'),
    ).toEqual([]);
  });

  it('unique is equal for hard links, and for nothing else', async () => {
    const folder = await startOnDisk();
    writeFileSync(join(folder, 'files', 'a'), 'x');
    writeFileSync(join(folder, 'files', 'c'), 'x');
    linkSync(join(folder, 'files', 'a'), join(folder, 'files', 'b'));
    const unique = new Map<string, string>();
    for (const line of (await listed('MLSD')).trim().split('\r\n')) {
      unique.set(line.slice(-1), /unique=([^;]+);/.exec(line)![1]!);
    }
    expect(unique.get('a')).toBe(unique.get('b'));
    expect(unique.get('a')).not.toBe(unique.get('c'));
  });

  it('directories show no size', async () => {
    await start();
    expect(await play(LOGIN)).toEqual([]);
    expect(await play('> MKD d\n< 257')).toEqual([]);
    expect((await client.expect('MLST d', 250)).text).not.toContain('size=');
    expect(await listed('MLSD')).not.toContain('size=');
  });
});

describe('data connections', () => {
  it('PASV over IPv6 is 425, EPSV works', async () => {
    fixture = await startEngine({ listeners: [{ name: 'six', host: '::1', port: 0, tls: 'explicit' }] });
    client = await RawFtpClient.connect(fixture.port(), '::1');
    await client.reply();
    expect(await play(LOGIN)).toEqual([]);
    expect(
      await play(
        '> PASV\n< 425\n> EPSV 1\n< 522 Network protocol not supported, use (2)\n> EPSV 2\n< 229\n> EPSV 3\n< 522',
      ),
    ).toEqual([]);
    client.close();
  });

  it('a new PASV takes the place of the last one, without opening more ports', async () => {
    await start({ passivePoolSize: 4 });
    expect(await play(LOGIN)).toEqual([]);
    const ports: number[] = [];
    for (let round = 0; round < 40; round++) {
      ports.push(Number(/\|(\d+)\|/.exec((await client.expect('EPSV', 229)).text)![1]));
    }
    expect(new Set(ports).size).toBeLessThanOrEqual(4);
  });

  it('ports come in no order that can be foretold', async () => {
    await start({ passivePoolSize: 16 });
    expect(await play(LOGIN)).toEqual([]);
    const steps = new Set<number>();
    let last = 0;
    for (let round = 0; round < 32; round++) {
      const port = Number(/\|(\d+)\|/.exec((await client.expect('EPSV', 229)).text)![1]);
      steps.add(port - last);
      last = port;
    }
    expect(steps.size).toBeGreaterThan(2);
  });

  it('small replies and small files wait for no acknowledgement', async () => {
    const calls = jest.spyOn(Socket.prototype, 'setNoDelay');
    await start();
    expect(calls).toHaveBeenCalledWith(true);
    expect(await play(LOGIN)).toEqual([]);
    expect(await put('a', 'x')).toBe(226);
  });
});

describe('names', () => {
  it('keep backslashes and cannot hold line ends', async () => {
    await start();
    expect(await play(LOGIN)).toEqual([]);
    expect(await put('a\\b', 'x')).toBe(226);
    expect(await listed('NLST')).toBe('a\\b\r\n');
    await client.passive();
    expect(await play('> STOR a\u0000b\n< 553\n> STOR a\rb\n< 553\n> MKD a\rb\n< 553')).toEqual([]);
    expect(await listed('NLST')).toBe('a\\b\r\n');
  });

  it('of folders are no files: DELE refuses one, MKD one that is there, and a missing one is 550', async () => {
    await start();
    expect(await play(LOGIN)).toEqual([]);
    expect(
      await play(
        '> MKD d\n< 257\n> DELE d\n< 550\n> MKD d\n< 550\n> CWD none\n< 550\n> RMD none\n< 550\n> RETR none\n< 550',
      ),
    ).toEqual([]);
  });

  it('that are symlinks lead nowhere outside, and a failed upload leaves what was at the name', async () => {
    const folder = await startOnDisk();
    const outside = join(folder, 'outside');
    writeFileSync(outside, 'secret');
    symlinkSync(outside, join(folder, 'files', 'link'));
    symlinkSync(folder, join(folder, 'files', 'up'));
    writeFileSync(join(folder, 'files', 'a'), 'old');
    for (const line of [
      'RETR link',
      'RETR up/outside',
      'SIZE link',
      'CWD up',
      'MFMT 20200101000000 link',
      'DELE link',
    ]) {
      await client.passive();
      expect([line, (await client.command(line)).code]).toEqual([line, 550]);
    }
    for (const path of ['link', 'up/new']) {
      await client.passive();
      expect(Math.floor((await client.command(`STOR ${path}`)).code / 10)).toBe(55);
    }
    expect(readFileSync(outside, 'utf8')).toBe('secret');
    const data = await client.passive();
    data.on('error', () => {});
    await client.expect('STOR a', 150);
    data.write('new');
    client.write('ABOR\r\n');
    expect((await client.reply()).code).toBe(426);
    expect(readFileSync(join(folder, 'files', 'a'), 'utf8')).toBe('old');
  });
});
