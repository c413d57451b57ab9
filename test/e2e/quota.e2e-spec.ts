import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { curlArgs, curlUrl, type Login } from './clients.js';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(180_000);

const run = promisify(execFile);
const MIB = 1024 * 1024;
const PASSWORD = 'correct-horse-battery';

let server: RunningInstallation;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-e2e-quota-'));
  server = await startInstallation();
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
  rmSync(folder, { recursive: true, force: true });
});

/** A tenant of its own per test, so that the disk and the ledgers of the others stay out of it. */
async function aTenant(slug: string, accounts: Record<string, number | null>, limit?: number): Promise<void> {
  const limits = limit === undefined ? {} : { limits: { bytes: limit } };
  await server.api.ok('POST', '/tenants', { slug, name: slug, ...limits });
  for (const [username, bytes] of Object.entries(accounts)) {
    const quota = bytes === null ? {} : { quota: { bytes } };
    await server.api.ok('POST', `/tenants/${slug}/accounts`, { username, password: PASSWORD, ...quota });
  }
}

const loginOf = (username: string, tenant: string): Login => ({ user: `${username}@${tenant}`, password: PASSWORD });

function aFile(name: string, bytes: number): string {
  const path = join(folder, name);
  writeFileSync(path, randomBytes(bytes));
  return path;
}

/** The code of the last reply to one upload by curl. */
async function put(login: Login, file: string, path: string, ...more: string[]): Promise<number> {
  const args = [...curlArgs(server, login, 'plain'), '--write-out', '%{response_code}', ...more, '-T', file];
  try {
    return Number((await run('curl', [...args, curlUrl(server, 'plain', path)])).stdout);
  } catch (error) {
    return Number((error as { stdout: string }).stdout);
  }
}

function count(codes: readonly number[], code: number): number {
  return codes.filter((one) => one === code).length;
}

/** The largest number of bytes in the committed tree at any of many looks. */
function watchDisk(base: number): () => number {
  let most = 0;
  const timer = setInterval(() => (most = Math.max(most, server.onDisk().bytes - base)), 5);
  return () => {
    clearInterval(timer);
    return Math.max(most, server.onDisk().bytes - base);
  };
}

/** Bytes of incomplete uploads that wait to be resumed, in all spaces. */
function keptForResume(): number {
  return readdirSync(join(server.dataDir, 'storage'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.part'))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

async function usageOf(tenant: string, ...usernames: string[]): Promise<{ bytes: number; files: number }> {
  const total = { bytes: 0, files: 0 };
  for (const username of usernames) {
    const { usage } = await server.api.account(tenant, username);
    total.bytes += usage.bytes;
    total.files += usage.files;
  }
  return total;
}

describe('parallel uploads of two workers into one account', () => {
  it.each([
    { slug: 'fifty', uploads: 50, bytes: MIB, complete: 10 },
    { slug: 'twenty', uploads: 20, bytes: 1.5 * MIB, complete: 6 },
  ])('$uploads of $bytes bytes into 10 MiB: exactly $complete', async ({ slug, uploads, bytes, complete }) => {
    await aTenant(slug, { alice: 10 * MIB });
    const file = aFile(slug, bytes);
    const base = server.onDisk();
    const mostOnDisk = watchDisk(base.bytes);
    const codes = await Promise.all(
      Array.from({ length: uploads }, (_, index) => put(loginOf('alice', slug), file, `/${index}.bin`)),
    );
    expect([count(codes, 226), count(codes, 552)]).toEqual([complete, uploads - complete]);
    expect(mostOnDisk()).toBeLessThanOrEqual(10 * MIB);
    const stored = { bytes: complete * bytes, files: complete };
    await eventually(async () => expect(await usageOf(slug, 'alice')).toMatchObject(stored), 20_000);
    expect(server.onDisk().bytes - base.bytes).toBe(stored.bytes);
  });

  it('stay exact when a worker is killed half-way', async () => {
    await aTenant('killed', { alice: 10 * MIB });
    const file = aFile('killed', MIB);
    const base = server.onDisk();
    const mostOnDisk = watchDisk(base.bytes);
    const uploads = Array.from({ length: 50 }, (_, index) =>
      put(loginOf('alice', 'killed'), file, `/${index}.bin`, '--limit-rate', '2M'),
    );
    await eventually(() => expect(server.onDisk().bytes).toBeGreaterThan(base.bytes), 20_000);
    await server.killChild('ftp-worker-1');
    const codes = await Promise.all(uploads);
    expect(mostOnDisk()).toBeLessThanOrEqual(10 * MIB);
    expect(count(codes, 226)).toBeGreaterThan(0);
    await eventually(async () => {
      const now = server.onDisk();
      const used = await usageOf('killed', 'alice');
      expect(used).toMatchObject({ bytes: now.bytes - base.bytes, files: now.files - base.files });
    }, 20_000);
    // Nothing stays reserved for what died but the bytes that are kept for a resume.
    const control = await RawControl.open(server.ports.ftp);
    await control.login('alice@killed', PASSWORD);
    await eventually(async () => {
      const { bytes } = await usageOf('killed', 'alice');
      expect(await control.send('AVBL')).toBe(`213 ${10 * MIB - bytes - keptForResume()}`);
    }, 30_000);
    control.destroy();
  });
});

describe('an account at its limit', () => {
  it('may make a file smaller, not larger, and loses nothing by trying', async () => {
    await aTenant('full', { alice: 2 * MIB });
    const login = loginOf('alice', 'full');
    const content = randomBytes(2 * MIB);
    const whole = join(folder, 'whole');
    writeFileSync(whole, content);
    expect(await put(login, whole, '/a.bin')).toBe(226);
    expect(await put(login, aFile('larger', 2 * MIB + 1), '/a.bin')).toBe(552);
    const target = join(folder, 'back');
    await run('curl', [...curlArgs(server, login, 'plain'), '-o', target, curlUrl(server, 'plain', '/a.bin')]);
    const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    expect(sha256(readFileSync(target))).toBe(sha256(content));
    expect(await put(login, aFile('tiny', 1), '/b.bin')).toBe(552);
    expect(await put(login, aFile('smaller', MIB), '/a.bin')).toBe(226);
    await eventually(
      async () => expect(await usageOf('full', 'alice')).toMatchObject({ bytes: MIB, files: 1 }),
      20_000,
    );
  });

  it('has room as soon as a deletion is answered', async () => {
    await aTenant('room', { alice: MIB });
    const login = loginOf('alice', 'room');
    const file = aFile('room', MIB);
    for (let round = 0; round < 5; round++) {
      expect(await put(login, file, `/${round}.bin`)).toBe(226);
      const control = await RawControl.open(server.ports.ftp);
      await control.login(login.user, login.password);
      expect(await control.send(`DELE /${round}.bin`)).toMatch(/^250/);
      control.destroy();
    }
  });

  it('is told 552 in the middle of an upload when the limit is set or lowered', async () => {
    await aTenant('lowered', { limited: 50 * MIB, free: null });
    for (const username of ['limited', 'free']) {
      const control = await RawControl.open(server.ports.ftp);
      await control.login(`${username}@lowered`, PASSWORD);
      await control.send('TYPE I');
      const data = await control.passive();
      expect(await control.send('STOR /big.bin')).toMatch(/^150/);
      const sending = setInterval(() => data.writable && data.write(Buffer.alloc(64 * 1024)), 20);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const changed = Date.now();
      await server.api.ok('PATCH', `/tenants/lowered/accounts/${username}`, { quota: { bytes: MIB } });
      expect(await control.reply()).toMatch(/^552/);
      expect(Date.now() - changed).toBeLessThan(2_500);
      clearInterval(sending);
      control.destroy();
    }
    await eventually(
      async () => expect(await usageOf('lowered', 'limited', 'free')).toMatchObject({ bytes: 0 }),
      5_000,
    );
  });
});

describe('the limit of a tenant', () => {
  it('holds over all its spaces together', async () => {
    await aTenant('shared', { alice: null, bob: null }, 10 * MIB);
    const file = aFile('shared', MIB);
    const codes = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        put(loginOf(index % 2 === 0 ? 'alice' : 'bob', 'shared'), file, `/${index}.bin`),
      ),
    );
    expect([count(codes, 226), count(codes, 552)]).toEqual([10, 20]);
    await eventually(async () => expect((await usageOf('shared', 'alice', 'bob')).bytes).toBe(10 * MIB), 20_000);
  });
});

describe('a partial upload', () => {
  it('counts while it is kept, gives room back when it is dropped, and is replaced by a fresh upload', async () => {
    await aTenant('partial', { alice: 4 * MIB });
    const login = loginOf('alice', 'partial');
    const interrupt = async (): Promise<void> => {
      const control = await RawControl.open(server.ports.ftp);
      await control.login(login.user, login.password);
      await control.send('TYPE I');
      const data = await control.passive();
      expect(await control.send('STOR /a.bin')).toMatch(/^150/);
      data.write(Buffer.alloc(3 * MIB));
      await eventually(async () => expect(data.writableLength).toBe(0), 20_000);
      await new Promise((resolve) => setTimeout(resolve, 300));
      data.resetAndDestroy();
      expect(await control.reply()).toMatch(/^426/);
      control.destroy();
    };
    const other = aFile('other', 2 * MIB);
    await interrupt();
    expect(await put(login, other, '/b.bin')).toBe(552);
    const control = await RawControl.open(server.ports.ftp);
    await control.login(login.user, login.password);
    expect(await control.send('DELE /a.bin')).toMatch(/^250/);
    expect(await put(login, other, '/b.bin')).toBe(226);
    expect(await control.send('DELE /b.bin')).toMatch(/^250/);
    await interrupt();
    expect(await put(login, aFile('fresh', 4 * MIB), '/a.bin')).toBe(226);
    await eventually(
      async () => expect(await usageOf('partial', 'alice')).toMatchObject({ bytes: 4 * MIB, files: 1 }),
      5_000,
    );
    control.destroy();
  });
});
