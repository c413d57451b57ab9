import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { PostgresServer } from './postgres-server.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(240_000);

/** How long PostgreSQL stays away once everything has been asked; 30000 for a longer look. */
const OUTAGE_MS = Number(process.env['QUAYSIDE_OUTAGE_MS'] ?? 1_000);
/** More than the first lease of an upload. */
const BEYOND_LEASE = 60_000_000;
const LATER = /^451 .*try again later/;
const password = 'correct-horse-battery';

let postgres: PostgresServer;
let server: RunningInstallation;
let names = 0;

beforeAll(async () => {
  postgres = await PostgresServer.start();
  server = await startInstallation({ env: { DATABASE_URL: postgres.url } });
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  await server.api.ok('POST', '/tenants/acme/accounts', { username: 'free', password });
  await server.api.ok('POST', '/tenants/acme/accounts', { username: 'limited', password, quota: { bytes: 1e9 } });
});
afterAll(async () => {
  await server?.stop();
  await postgres?.end();
  removeDataDirs();
});

async function login(username: string): Promise<RawControl> {
  const control = await RawControl.open(server.ports.ftp);
  expect(await control.login(`${username}@acme`, password)).toMatch(/^230/);
  await control.send('TYPE I');
  return control;
}

async function begin(control: RawControl, path: string): Promise<Socket> {
  const data = await control.passive();
  expect(await control.send(`STOR ${path}`)).toMatch(/^150/);
  return data;
}

async function store(control: RawControl, path: string): Promise<string> {
  const data = await control.passive();
  const answer = await control.send(`STOR ${path}`);
  if (!answer.startsWith('150')) return answer;
  data.end(randomBytes(5_000));
  return control.reply();
}

async function refusedLogin(login: string): Promise<string> {
  const control = await RawControl.open(server.ports.ftp);
  const answer = await control.login(login, password);
  control.destroy();
  return answer;
}

async function api(path: string): Promise<[number, string | null, unknown]> {
  const response = await fetch(server.root + path, { headers: { authorization: 'Bearer nobody' } });
  const body = (await response.json()) as { code?: string };
  return [response.status, response.headers.get('retry-after'), body.code];
}

describe.each([
  ['answers nothing', 'freeze', 'thaw'],
  ['is stopped', 'stop', 'start'],
] as const)('while PostgreSQL %s', (_how, away, back) => {
  it('who is in goes on, who comes is told to come later, the API says 503, and nothing hangs or is lost', async () => {
    // Each way to lose it has its own names: neither finds what the other has left.
    const name = (what: string): string => `/${what}-${away}-${(names += 1)}`;
    await server.api.ok('POST', '/tenants/acme/accounts', { username: `cold-${away}`, password });
    const [free, limited, small, large] = [
      await login('free'),
      await login('limited'),
      await login('limited'),
      await login('limited'),
    ];
    const [made, renamed] = [name('made'), name('renamed')];
    expect(await store(free, made)).toMatch(/^226/);
    const [smallName, largeName] = [name('small'), name('large')];
    const [smallData, largeData] = [await begin(small, smallName), await begin(large, largeName)];

    await postgres.order(away);
    try {
      smallData.end(randomBytes(200_000));
      largeData.end(Buffer.alloc(BEYOND_LEASE, 1));
      expect(await small.reply()).toMatch(/^226/);

      // Inside: files, folders and lists need no database; what needs it can be tried again.
      expect(await free.send('PWD')).toMatch(/^257/);
      expect(await free.send(`SIZE ${made}`)).toBe('213 5000');
      expect(await free.send(`MKD ${name('folder')}`)).toMatch(/^257/);
      expect(await free.send(`RNFR ${made}`)).toMatch(/^350/);
      expect(await free.send(`RNTO ${renamed}`)).toMatch(/^250/);
      const listing = await free.passive();
      listing.resume();
      expect(await free.send('LIST')).toMatch(/^150/);
      expect(await free.reply()).toMatch(/^226/);
      expect(await store(free, name('during'))).toMatch(/^226/);
      expect(await free.send('SITE QUOTA')).toMatch(LATER);
      expect(await limited.send('AVBL')).toMatch(LATER);
      expect(await store(limited, name('refused'))).toMatch(LATER);
      expect(await free.send(`DELE ${renamed}`)).toMatch(/^250/);
      expect(await limited.send('NOOP')).toMatch(/^200/);

      // Outside.
      for (const who of [`cold-${away}@acme`, 'nobody@acme']) {
        expect(await refusedLogin(who)).toMatch(/^421 .*try again later/);
      }
      expect(await api('/v1/tenants')).toEqual([503, '2', 'database.unavailable']);
      expect(await api('/health/ready')).toEqual([503, '2', 'database.unavailable']);
      expect((await fetch(`${server.root}/health/live`)).status).toBe(200);
      expect(await (await fetch(`${server.root}/metrics`)).text()).toContain('quayside_database_up{app="api"} 0');
      await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
    } finally {
      await postgres.order(back);
    }

    // The upload beyond its lease had waited for the database.
    expect(await large.reply()).toMatch(/^226/);
    await eventually(async () => expect(await refusedLogin(`cold-${away}@acme`)).toMatch(/^230/), 30_000);
    await eventually(async () => {
      const rows = await server.api.transfers('acme', { direction: 'upload' });
      const logged = new Map(rows.map(({ path, outcome, bytes }) => [path, { outcome, bytes }]));
      expect(logged.get(smallName)).toEqual({ outcome: 'completed', bytes: 200_000 });
      expect(logged.get(largeName)).toEqual({ outcome: 'completed', bytes: BEYOND_LEASE });
      const used = [await server.api.account('acme', 'free'), await server.api.account('acme', 'limited')];
      const total = { bytes: 0, files: 0 };
      for (const { usage } of used) {
        total.bytes += usage.bytes;
        total.files += usage.files;
      }
      expect(total).toEqual(server.onDisk());
    }, 60_000);
    for (const control of [free, limited, small, large]) {
      expect(await control.send('NOOP')).toMatch(/^200/);
      control.destroy();
    }
  });
});
