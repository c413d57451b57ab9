import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '../installation.js';
import { RawControl } from '../raw-control.js';
import { startFaultFixture, type FaultFixture } from './fault-fixture.js';
import { checkInvariants } from './invariants.js';

jest.setTimeout(300_000);

const MIB = 1024 * 1024;
const LOGIN = { user: 'carol@free', password: 'correct-horse-battery' };

let folder: string;
let fixture: FaultFixture | undefined;
const mounts: string[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-fault-disk-'));
});
afterEach(async () => {
  await fixture?.stop();
  fixture = undefined;
  for (const mount of mounts.splice(0)) spawnSync('umount', [mount]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file system of so many bytes; the right to mount one is asked for once. */
function smallDisk(bytes: number): string {
  const path = join(folder, `disk-${mounts.length}-${bytes}`);
  mkdirSync(path, { recursive: true });
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=755`, 'tmpfs', path]);
  if (status !== 0) throw new Error(`mount: ${stderr.toString()}`);
  mounts.push(path);
  return path;
}

const mayMount =
  process.getuid?.() === 0 &&
  ((): boolean => {
    const path = mkdtempSync(join(tmpdir(), 'quayside-fault-mount-'));
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]);
    if (status === 0) spawnSync('umount', [path]);
    rmSync(path, { recursive: true, force: true });
    return status === 0;
  })();
if (!mayMount) process.stderr.write('no right to mount a small file system: full disks are skipped\n');

/** The code of the last reply to one upload, as the control connection has it. */
async function put(bytes: number, path: string): Promise<number> {
  const control = await RawControl.open(fixture!.server.ports.ftp);
  try {
    await control.login(LOGIN.user, LOGIN.password);
    await control.send('TYPE I');
    const data = await control.passive();
    const first = await control.send(`STOR ${path}`);
    expect(first.slice(0, 3)).toBe('150');
    data.end(randomBytes(bytes));
    return Number((await control.reply()).slice(0, 3));
  } finally {
    control.destroy();
  }
}

(mayMount ? describe : describe.skip)('a disk that is full', () => {
  it('answers 452 where the storage is full, leaves nothing of the upload, and goes on with what fits', async () => {
    fixture = await startFaultFixture('PostgreSQL', { STORAGE_ROOT: smallDisk(24 * MIB) });
    expect(await put(8 * MIB, '/first')).toBe(226);
    expect(await put(30 * MIB, '/too-large')).toBe(452);
    // What was staged of it is kept for a resume while there is room, and must not keep others out for ever.
    const load = fixture.load({ clients: 4, files: 60 });
    await load.finished();
    expect(load.answered).toBe(60);
    await eventually(async () => {
      const { usage } = await fixture!.server.api.account('free', 'carol');
      expect(usage.bytes).toBeGreaterThan(8 * MIB);
    }, 20_000);
    const failed = await fixture.server.api.transfers('free', { outcome: 'failed' });
    expect(failed).toMatchObject([{ path: '/too-large', reason: 'DISK_FULL' }]);
  });

  it('says that the spool is full, refuses uploads with 451, and takes them when it is not', async () => {
    const spool = smallDisk(64 * MIB);
    fixture = await startFaultFixture('PostgreSQL', {
      SPOOL_DIR: spool,
      SPOOL_MAX_BYTES: String(MIB),
      FTP_WORKERS: '1',
    });
    const { server, postgres } = fixture;
    // Nothing is applied while the consumer stands still, so nothing leaves the spool.
    process.kill(server.children().get('event-consumer')!, 'SIGSTOP');
    const load = fixture.load({ clients: 4 });
    const stateIs = (wanted: string): Promise<void> =>
      eventually(async () => {
        const { items } = await server.api.ok<{ items: { workers: { load: { spool: string } }[] }[] }>('GET', '/nodes');
        expect(items[0]!.workers[0]!.load.spool).toBe(wanted);
      }, 60_000);
    await stateIs('full');
    await eventually(() => expect(load.failures.get(451) ?? 0).toBeGreaterThan(10), 30_000);
    const before = load.answered;
    process.kill(server.children().get('event-consumer')!, 'SIGCONT');
    await eventually(() => expect(load.answered).toBeGreaterThan(before + 50), 60_000);
    await load.stop();
    await checkInvariants(server, postgres.url, load);
  });

  it('answers 451 where the disk under the spool is full, and records the end of what had begun', async () => {
    const spool = smallDisk(4 * MIB);
    fixture = await startFaultFixture('PostgreSQL', { SPOOL_DIR: spool, FTP_WORKERS: '1' });
    const { server, postgres } = fixture;
    const load = fixture.load({ clients: 4 });
    await eventually(() => expect(load.answered).toBeGreaterThan(20), 30_000);
    const filler = join(spool, 'filler');
    spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k']);
    await eventually(() => expect(load.failures.get(451) ?? 0).toBeGreaterThan(10), 30_000);
    rmSync(filler);
    const before = load.answered;
    await eventually(() => expect(load.answered).toBeGreaterThan(before + 50), 60_000);
    await load.stop();
    await checkInvariants(server, postgres.url, load);
  });
});
