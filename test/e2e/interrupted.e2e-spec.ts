import { createHash, randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'basic-ftp';
import { curlArgs, curlUrl } from './clients.js';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(120_000);

const run = promisify(execFile);
const MIB = 1024 * 1024;
const login = { user: 'bob@acme', password: 'correct-horse-battery' };

let server: RunningInstallation;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-e2e-files-'));
  server = await startInstallation();
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  await server.api.ok('POST', '/tenants/acme/accounts', { username: 'bob', password: login.password });
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
  rmSync(folder, { recursive: true, force: true });
});

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** curl would ask SIZE first and stop reading there; this client takes what RETR sends. */
async function download(path: string): Promise<Buffer> {
  const client = new Client(10_000);
  const chunks: Buffer[] = [];
  try {
    await client.access({ host: '127.0.0.1', port: server.ports.ftp, ...login });
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done): void {
        chunks.push(chunk);
        done();
      },
    });
    await client.downloadTo(sink, path);
  } finally {
    client.close();
  }
  return Buffer.concat(chunks);
}

describe('an upload that is cut off', () => {
  it('leaves the old file, shows what arrived to its owner, and resumes', async () => {
    const [old, fresh] = [randomBytes(MIB), randomBytes(4 * MIB)];
    const file = join(folder, 'fresh');
    writeFileSync(file, old);
    const put = [...curlArgs(server, login, 'plain'), '-T', file];
    await run('curl', [...put, curlUrl(server, 'plain', '/site.tar')]);
    writeFileSync(file, fresh);

    const control = await RawControl.open(server.ports.ftp);
    expect(await control.login(login.user, login.password)).toMatch(/^230/);
    await control.send('TYPE I');
    const data = await control.passive();
    expect(await control.send('STOR /site.tar')).toMatch(/^150/);
    data.write(fresh.subarray(0, 2 * MIB));
    await eventually(() => expect(server.stagedBytes()).toBeGreaterThan(0), 20_000);
    control.destroy();
    data.destroy();

    await eventually(async () => {
      const rows = await server.api.transfers('acme', { path: '/site.tar' });
      expect(rows.map(({ outcome }) => outcome)).toEqual([expect.stringMatching(/^(failed|aborted)$/), 'completed']);
    }, 20_000);
    expect(sha256(await download('/site.tar'))).toBe(sha256(old));

    const again = await RawControl.open(server.ports.ftp);
    await again.login(login.user, login.password);
    await again.send('TYPE I');
    const size = Number((await again.send('SIZE /site.tar')).slice(4));
    expect(size).toBeGreaterThan(0);
    expect(size).toBeLessThanOrEqual(2 * MIB);
    again.destroy();

    await run('curl', [...put, '-C', '-', curlUrl(server, 'plain', '/site.tar')]);
    expect(sha256(await download('/site.tar'))).toBe(sha256(fresh));
    await eventually(async () => {
      const rows = await server.api.transfers('acme', { path: '/site.tar', direction: 'upload' });
      expect(rows.map(({ outcome }) => outcome)).toEqual([
        'completed',
        expect.stringMatching(/^(failed|aborted)$/),
        'completed',
      ]);
      expect(rows[0]).toMatchObject({ sha256: sha256(fresh) });
      expect((await server.api.account('acme', 'bob')).usage).toMatchObject({ bytes: 4 * MIB, files: 1 });
    }, 20_000);
  });
});

describe('suspending an account', () => {
  it('ends its live session though it sends nothing, refuses its next login, and resuming lets it in again', async () => {
    const control = await RawControl.open(server.ports.ftp);
    expect(await control.login(login.user, login.password)).toMatch(/^230/);
    await server.api.ok('POST', '/tenants/acme/accounts/bob/suspend', { reason: 'unpaid' });
    const ended = control.end().then(() => 'ended');
    const late = new Promise<string>((resolve) => {
      setTimeout(() => resolve('still open'), 20_000).unref();
    });
    expect(await Promise.race([ended, late])).toBe('ended');
    expect(await control.reply()).toMatch(/^421/);

    const next = await RawControl.open(server.ports.ftp);
    expect(await next.login(login.user, login.password)).toMatch(/^530/);
    next.destroy();

    await server.api.ok('POST', '/tenants/acme/accounts/bob/resume', {});
    await eventually(async () => {
      const back = await RawControl.open(server.ports.ftp);
      const answer = await back.login(login.user, login.password);
      back.destroy();
      expect(answer).toMatch(/^230/);
    }, 20_000);
  });
});
