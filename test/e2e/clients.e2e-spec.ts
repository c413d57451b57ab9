import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { RawFtpClient } from '@quayside/testing';
import {
  CLIENT_PROGRAMS,
  lftp,
  lftpCommands,
  type Operation,
  rclone,
  rcloneCall,
  type Target,
} from './client-programs.js';
import type { Mode } from './clients.js';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(180_000);

const BYTES = 700_001;
const NAMES = ['plain.bin', 'two words.bin', `it's "quoted".bin`, '-dash.bin', 'grün ☃.bin', 'a+b%20&c=#1.bin'];
const login = { user: 'alice@acme', password: 'correct-horse-battery' };
const content = randomBytes(BYTES);

let server: RunningInstallation;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-e2e-clients-'));
  server = await startInstallation();
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  await server.api.ok('POST', '/tenants/acme/accounts', { username: 'alice', password: login.password });
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
  rmSync(folder, { recursive: true, force: true });
});

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function control(): Promise<RawControl> {
  const raw = await RawControl.open(server.ports.ftp);
  expect(await raw.login(login.user, login.password)).toMatch(/^230/);
  await raw.send('TYPE I');
  return raw;
}

/** What the server has at a path, read without any of the clients. */
async function stored(path: string): Promise<string> {
  const raw = await control();
  const data = await raw.passive();
  const chunks: Buffer[] = [];
  data.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => data.once('close', resolve));
  const first = await raw.send(`RETR ${path}`);
  if (!first.startsWith('150')) {
    raw.destroy();
    data.destroy();
    return first;
  }
  await ended;
  raw.destroy();
  return sha256(Buffer.concat(chunks));
}

async function place(path: string, bytes: Uint8Array): Promise<void> {
  const raw = await control();
  const data = await raw.passive();
  expect(await raw.send(`STOR ${path}`)).toMatch(/^150/);
  data.end(bytes);
  expect(await raw.reply()).toMatch(/^226/);
  raw.destroy();
}

/** A connection that broke in the middle of an upload. */
async function placePartial(path: string, bytes: Uint8Array): Promise<void> {
  const raw = await control();
  const data = await raw.passive();
  expect(await raw.send(`STOR ${path}`)).toMatch(/^150/);
  const before = server.stagedBytes();
  data.write(bytes);
  await eventually(() => expect(server.stagedBytes() - before).toBeGreaterThan(0), 20_000);
  data.resetAndDestroy();
  expect(await raw.reply()).toMatch(/^426/);
  expect(await raw.send(`SIZE ${path}`)).toMatch(/^213 [1-9]/);
  raw.destroy();
}

async function makeDirectory(path: string): Promise<void> {
  const raw = await control();
  expect(await raw.send(`MKD ${path}`)).toMatch(/^257/);
  raw.destroy();
}

const missing = CLIENT_PROGRAMS.filter(({ installed }) => !installed());
const present = CLIENT_PROGRAMS.filter((program) => !missing.includes(program));
// What this machine does not have is left out by name, not in silence.
for (const { name, packages } of missing) it.todo(`${name}: needs ${packages}`);

const cases = present.flatMap((program) => program.modes.map((mode) => ({ program, mode, name: program.name })));

describe.each(cases)('$name, $mode', ({ program, mode }) => {
  const directory = `/${`${program.name}-${mode}`.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
  const names = NAMES.filter((name) => program.refusesName?.(name) !== true);
  const at = (name: string): string => `${directory}/${name}`;
  const can = (operation: Operation[0]): boolean => program.cannot?.includes(operation) !== true;
  let local: string;
  let target: Target;
  const source = (): string => join(local, 'source');
  const run = (...operations: Operation[]): Promise<string> => program.run(target, operations);

  beforeAll(async () => {
    local = join(folder, directory);
    mkdirSync(local);
    writeFileSync(source(), content);
    target = { server, login, mode, folder: local };
    await makeDirectory(directory);
  });

  it('uploads files with any name', async () => {
    if (can('put')) await run(...names.map((name): Operation => ['put', source(), at(name)]));
    else for (const name of names) await place(at(name), content);
    for (const name of names) expect([name, await stored(at(name))]).toEqual([name, sha256(content)]);
  });

  it('lists them', async () => {
    const text = await run(['list', directory]);
    for (const name of names)
      expect(text.normalize('NFC')).toContain(program.name === 'wget' ? name.slice(0, 2) : name);
  });

  it('downloads them', async () => {
    await run(...names.map((name, index): Operation => ['get', at(name), join(local, `got${index}`)]));
    for (const [index, name] of names.entries()) {
      expect([name, sha256(readFileSync(join(local, `got${index}`)))]).toEqual([name, sha256(content)]);
    }
  });

  if (can('resume-put')) {
    it('resumes an upload that broke', async () => {
      await placePartial(at('cut.bin'), content.subarray(0, 300_000));
      await run(['resume-put', source(), at('cut.bin')]);
      expect(await stored(at('cut.bin'))).toBe(sha256(content));
    });
  }

  if (can('resume-get')) {
    it('resumes a download that broke', async () => {
      const half = join(local, 'half');
      writeFileSync(half, content.subarray(0, 300_000));
      await run(['resume-get', at('plain.bin'), half]);
      expect(sha256(readFileSync(half))).toBe(sha256(content));
    });
  }

  if (can('rename')) {
    it('renames, tells the time, deletes', async () => {
      const from = at('two words.bin');
      const to = at("renamed it's.bin");
      const raw = await control();
      expect(await raw.send(`MFMT 20200102030400 ${from}`)).toMatch(/^213/);
      const said = await run(['mtime', from]);
      expect(said.replaceAll(/[^0-9A-Za-z]/g, '')).toMatch(/20200102030400|02Jan2020030400/);
      await run(['rename', from, to]);
      expect(await raw.send(`SIZE ${from}`)).toMatch(/^550/);
      expect(await raw.send(`SIZE ${to}`)).toBe(`213 ${BYTES}`);
      await run(['delete', to]);
      expect(await raw.send(`SIZE ${to}`)).toMatch(/^550/);
      raw.destroy();
    });
  }
});

/** A tree with a file of many sizes, odd names and an empty folder. */
function writeTree(root: string): void {
  mkdirSync(join(root, 'deep er/inner'), { recursive: true });
  for (const [index, name] of NAMES.entries()) writeFileSync(join(root, name), randomBytes(index * 70_000));
  writeFileSync(join(root, 'deep er/inner/empty'), '');
  for (let index = 0; index < 40; index++) writeFileSync(join(root, `deep er/small ${index}`), randomBytes(index * 31));
}

describe.each<Mode>(['plain', 'explicit', 'implicit'])('whole trees, %s', (mode) => {
  const tree = (name: string): { root: string; back: string; target: Target } => {
    const base = join(folder, `${name}-${mode}`);
    const [root, back] = [join(base, 'root'), join(base, 'back')];
    mkdirSync(root, { recursive: true });
    mkdirSync(back);
    writeTree(root);
    return { root, back, target: { server, login, mode, folder: base } };
  };

  if (lftp.installed())
    it('lftp mirrors both ways with four connections', () => {
      const { root, back, target } = tree('mirror');
      const remote = `/mirror-${mode}`;
      execFileSync('lftp', lftpCommands(target, [`mirror -R -P 4 ${root} ${remote}`, `mirror -P 4 ${remote} ${back}`]));
      expect(execFileSync('diff', ['-r', root, back]).toString()).toBe('');
      // Nothing is left to do where sizes and times have survived.
      const again = execFileSync('lftp', lftpCommands(target, [`mirror -R --dry-run ${root} ${remote}`]));
      expect(again.toString()).not.toMatch(/^(?:get|put|chmod|rm) /m);
    });

  if (lftp.installed())
    it('lftp mirrors both ways in active mode', () => {
      const { root, back, target } = tree('active');
      const remote = `/active-${mode}`;
      execFileSync('lftp', lftpCommands(target, [`mirror -R ${root} ${remote}`, `mirror ${remote} ${back}`], false));
      expect(execFileSync('diff', ['-r', root, back]).toString()).toBe('');
    });

  if (rclone.installed())
    it('rclone syncs, and finds nothing to differ', async () => {
      const { root, back, target } = tree('sync');
      const remote = `:ftp:/sync-${mode}`;
      await rcloneCall(target, 'sync', '--transfers', '4', root, remote);
      await rcloneCall(target, 'check', '--download', root, remote);
      rmSync(join(root, 'plain.bin'));
      await rcloneCall(target, 'sync', root, remote);
      await rcloneCall(target, 'sync', remote, back);
      expect(execFileSync('diff', ['-r', root, back]).toString()).toBe('');
    });
});

describe('FileZilla, by its commands', () => {
  it('logs in, lists, uploads, resumes and sets the time over explicit TLS', async () => {
    const client = await RawFtpClient.connect(server.ports.ftp);
    expect((await client.reply()).code).toBe(220);
    await client.secure();
    await client.expect(`USER ${login.user}`, 331);
    await client.expect(`PASS ${login.password}`, 230);
    await client.expect('SYST', 215);
    const features = await client.expect('FEAT', 211);
    for (const feature of ['CLNT', 'MFMT', 'MLST', 'REST STREAM', 'UTF8']) expect(features.text).toContain(feature);
    await client.expect('CLNT FileZilla', 200);
    await client.expect('OPTS UTF8 ON', 200);
    await client.expect('PBSZ 0', 200);
    await client.expect('PROT P', 200);
    await client.expect('OPTS MLST type;size;modify;perm;', 200);
    await client.expect('PWD', 257);
    await client.expect('CWD /', 250);
    await client.expect('TYPE I', 200);
    const transfer = async (verb: string, bytes: Uint8Array | null): Promise<string> => {
      const raw = await client.passive();
      client.write(`${verb}\r\n`);
      expect((await client.reply()).code).toBe(150);
      const data = connectTls({ socket: raw, rejectUnauthorized: false, session: client.tls.getSession() });
      let text = '';
      data.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      if (bytes !== null) data.end(bytes);
      expect((await client.reply()).code).toBe(226);
      return text;
    };
    await transfer('STOR filezilla.bin', content.subarray(0, 100_000));
    await client.expect('MFMT 20210203040506 filezilla.bin', 213);
    expect(await transfer('MLSD', null)).toMatch(
      /type=file;size=100000;modify=20210203040506;perm=\w+; filezilla\.bin/,
    );
    await client.expect('SIZE filezilla.bin', 213);
    await client.expect('MDTM filezilla.bin', 213);
    await transfer('APPE filezilla.bin', content.subarray(100_000));
    await client.expect('REST 600000', 350);
    expect(Buffer.from(await transfer('RETR filezilla.bin', null), 'latin1')).toEqual(content.subarray(600_000));
    expect(await stored('/filezilla.bin')).toBe(sha256(content));
    client.close();
  });
});
