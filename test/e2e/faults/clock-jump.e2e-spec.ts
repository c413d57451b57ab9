import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '../installation.js';
import { RawControl } from '../raw-control.js';
import { startFaultFixture, type FaultFixture } from './fault-fixture.js';
import { checkInvariants } from './invariants.js';

jest.setTimeout(300_000);

const HOUR_MS = 3_600_000;
const LIBRARY = ['x86_64', 'aarch64']
  .filter((machine) => (machine === 'x86_64') === (arch() === 'x64'))
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));
if (LIBRARY === undefined)
  process.stderr.write('clock-jump: skipped, because the library of faketime is not installed\n');

let folder: string;
let fixture: FaultFixture;
let idle: RawControl;

/** Sets the wall clock of all processes but PostgreSQL's apart from ours; they look once a second. */
function setClock(offset: '+0' | '+6h' | '-6h'): void {
  writeFileSync(join(folder, 'offset'), offset);
}

(LIBRARY === undefined ? describe.skip : describe)('a wall clock that jumps by hours', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quayside-fault-clock-'));
    setClock('+0');
    fixture = await startFaultFixture('PostgreSQL', {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: join(folder, 'offset'),
      FAKETIME_CACHE_DURATION: '1',
      // What a clock that is set leaves alone.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    });
  });
  afterAll(async () => {
    idle?.destroy();
    await fixture?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('ends no session, refuses no upload, and loses and doubles nothing', async () => {
    const { server, postgres } = fixture;
    idle = await RawControl.open(server.ports.ftp);
    expect(await idle.login('carol@free', 'correct-horse-battery')).toMatch(/^230/);
    const load = fixture.load({ clients: 4 });
    const goesOn = async (): Promise<void> => {
      const before = load.answered;
      await eventually(() => expect(load.answered).toBeGreaterThan(before + 50), 60_000);
    };
    /** Events of that time are in the log: so the workers' clocks stand there, and the consumer goes on. */
    const isLogged = async (from: number, to: number): Promise<void> => {
      const range = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
      await eventually(async () => {
        const path = `/tenants/free/events?type=transfer.completed&limit=1&${range}`;
        expect((await server.api.ok<{ items: unknown[] }>('GET', path)).items).toHaveLength(1);
      }, 60_000);
    };
    await goesOn();
    setClock('+6h');
    await isLogged(Date.now() + 5 * HOUR_MS, Date.now() + 7 * HOUR_MS);
    await goesOn();
    setClock('-6h');
    await isLogged(Date.now() - 7 * HOUR_MS, Date.now() - 5 * HOUR_MS);
    await goesOn();
    expect(await idle.send('NOOP')).toMatch(/^200/);
    setClock('+0');
    await goesOn();
    await load.stop();
    expect(Object.fromEntries(load.failures)).toEqual({});
    const { items } = await server.api.ok<{ items: { account: string }[] }>('GET', '/tenants/free/sessions');
    expect(items.map(({ account }) => account)).toContain('carol');
    expect(await idle.send('NOOP')).toMatch(/^200/);
    await checkInvariants(server, postgres.url, load);
    // Nobody was taken for dead and started anew.
    expect(server.logRecords().filter(({ msg }) => /is back|taken for dead/.test(msg))).toEqual([]);
  });
});
