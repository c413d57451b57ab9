import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(120_000);

const PASSWORD = 'correct-horse-battery';
const MIB = 1024 * 1024;
/** Wrong logins a second, from one address. */
const FLOOD = 200;
const FLOOD_MS = Number(process.env['QUAYSIDE_FLOOD_SECONDS'] ?? 5) * 1_000;

let server: RunningInstallation;

beforeAll(async () => {
  // The hash cost of production: that is what a flood would make the server spend.
  server = await startInstallation({ env: { BCRYPT_COST: '12' } });
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  for (const username of ['web', 'busy', 'fresh0', 'fresh1', 'fresh2', 'fresh3']) {
    await server.api.ok('POST', '/tenants/acme/accounts', { username, password: PASSWORD });
  }
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
});

/** One connection from an address, one wrong password; resolves to the last reply. */
async function tryLogin(user: string, password: string, localAddress: string): Promise<{ reply: string; ms: number }> {
  const began = performance.now();
  const socket = connect({ port: server.ports.ftp, host: '127.0.0.1', localAddress });
  socket.setEncoding('utf8');
  socket.on('error', () => undefined);
  let text = '';
  const lines: string[] = [];
  let wake = (): void => undefined;
  socket.on('data', (piece: string) => {
    text += piece;
    const parts = text.split('\r\n');
    text = parts.pop()!;
    lines.push(...parts.filter((line) => /^\d{3} /.test(line)));
    wake();
  });
  socket.on('close', () => wake());
  const reply = async (): Promise<string> => {
    while (lines.length === 0 && !socket.destroyed) await new Promise<void>((resolve) => (wake = resolve));
    return lines.shift() ?? '';
  };
  const greeting = await reply();
  if (!greeting.startsWith('220')) {
    socket.destroy();
    return { reply: greeting, ms: performance.now() - began };
  }
  socket.write(`USER ${user}\r\n`);
  await reply();
  socket.write(`PASS ${password}\r\n`);
  const last = await reply();
  socket.destroy();
  return { reply: last, ms: performance.now() - began };
}

/** Floods until aborted; resolves to how many attempts were begun. */
async function flood(address: string, signal: AbortSignal): Promise<number> {
  const running = new Set<Promise<unknown>>();
  let begun = 0;
  const from = performance.now();
  while (!signal.aborted) {
    while (begun < ((performance.now() - from) * FLOOD) / 1000) {
      begun++;
      const attempt = tryLogin(`web@acme`, `wrong-${begun}`, address).finally(() => running.delete(attempt));
      running.add(attempt);
    }
    await delay(5);
  }
  await Promise.race([Promise.all(running), delay(1_000)]);
  return begun;
}

async function uploadRate(ms: number): Promise<number> {
  const control = await RawControl.open(server.ports.ftp);
  await control.login('busy@acme', PASSWORD);
  await control.send('TYPE I');
  const data = await control.passive();
  await control.send('STOR /a');
  const piece = Buffer.alloc(256 * 1024);
  const from = performance.now();
  let sent = 0;
  while (performance.now() - from < ms) {
    sent += piece.length;
    if (!data.write(piece)) await once(data, 'drain');
  }
  const rate = (sent * 1000) / (performance.now() - from);
  data.end();
  expect(await control.reply()).toMatch(/^226/);
  await control.send('DELE /a');
  control.destroy();
  return rate;
}

describe('200 wrong logins a second from one address', () => {
  it('leave the transfers and logins of others alone, and shut out that address only', async () => {
    const before = await uploadRate(FLOOD_MS / 2);
    const ending = new AbortController();
    const flooding = flood('127.0.0.66', ending.signal);
    await delay(500);
    const during = uploadRate(FLOOD_MS);
    const logins: { reply: string; ms: number }[] = [];
    for (let index = 0; index < 4; index++) {
      await delay(FLOOD_MS / 8);
      // Never seen before: the hash is computed while the flood runs.
      logins.push(await tryLogin(`fresh${index}@acme`, PASSWORD, `127.0.1.${index + 1}`));
      logins.push(await tryLogin('web@acme', PASSWORD, `127.0.2.${index + 1}`));
    }
    const rate = await during;
    ending.abort();
    const attempts = await flooding;
    process.stdout.write(
      `Upload ${Math.round(before / MIB)} MiB/s before, ${Math.round(rate / MIB)} MiB/s under ${attempts} wrong logins; ` +
        `right logins from elsewhere took ${logins.map(({ ms }) => Math.round(ms)).join(', ')} ms\n`,
    );
    expect(logins.map(({ reply }) => reply.slice(0, 3))).toEqual(Array<string>(8).fill('230'));
    expect((await tryLogin('web@acme', PASSWORD, '127.0.0.66')).reply).toMatch(/^421/);
    const { items } = await server.api.ok<{ items: { address: string }[] }>('GET', '/bans');
    // A slow machine refuses the flood before it has compared enough passwords for a ban.
    expect(items.map(({ address }) => address).filter((address) => address !== '127.0.0.66')).toEqual([]);
  });
});

describe('a wrong password', () => {
  it('is answered later each time, on new connections too, whether or not the account exists', async () => {
    const times: Record<string, number[]> = { 'web@acme': [], 'nobody@acme': [] };
    for (const [index, user] of Object.keys(times).entries()) {
      for (let attempt = 0; attempt < 5; attempt++) {
        const { reply, ms } = await tryLogin(user, 'wrong', `127.0.3.${index + 1}`);
        expect(reply).toBe('530 Authentication failed.');
        times[user]!.push(ms);
      }
    }
    process.stdout.write(
      `Refusals took ${JSON.stringify(times, (_key, value: unknown) => (typeof value === 'number' ? Math.round(value) : value))} ms\n`,
    );
    for (const series of Object.values(times)) expect(Math.max(...series)).toBeGreaterThan(series[0]! + 900);
  });
});

describe('a decoy account', () => {
  it('bans whoever touches it, with an event that says why', async () => {
    await server.api.ok('POST', '/tenants/acme/accounts', { username: 'admin', password: PASSWORD, decoy: true });
    expect((await tryLogin('admin@acme', PASSWORD, '127.0.4.1')).reply).toBe('530 Authentication failed.');
    await eventually(async () => {
      expect((await tryLogin('web@acme', PASSWORD, '127.0.4.1')).reply).toMatch(/^421/);
    }, 20_000);
    expect((await tryLogin('web@acme', PASSWORD, '127.0.4.2')).reply).toMatch(/^230/);
    await eventually(async () => {
      const { items } = await server.api.ok<{ items: { data: Record<string, unknown> }[] }>(
        'GET',
        '/tenants/acme/events?type=login.failed&account=admin',
      );
      expect(items.map(({ data }) => data['reason'])).toEqual(['The account is a decoy']);
      const bans = await server.api.ok<{ items: object[] }>('GET', '/bans?address=127.0.4.1');
      expect(bans.items).toContainEqual(expect.objectContaining({ reason: 'decoy', login: null }));
    }, 20_000);
  });
});

describe('a password that came in clear where TLS is required', () => {
  it('is refused and shown as exposed until it is changed', async () => {
    const policy = await server.api.ok<{ id: string }>('POST', '/tenants/acme/policies', {
      name: 'tls',
      rules: { protocols: { tls: 'required' } },
    });
    const account = '/tenants/acme/accounts/secure';
    await server.api.ok('POST', '/tenants/acme/accounts', {
      username: 'secure',
      password: PASSWORD,
      policy: policy.id,
    });
    expect((await tryLogin('secure@acme', PASSWORD, '127.0.5.1')).reply).toMatch(/^530/);
    const exposed = async (): Promise<unknown[]> => {
      const { items } = await server.api.ok<{ items: { exposedInClear: boolean }[] }>('GET', `${account}/credentials`);
      return items.map(({ exposedInClear }) => exposedInClear);
    };
    await eventually(async () => expect(await exposed()).toEqual([true]), 20_000);
    await server.api.ok('PATCH', account, { password: `${PASSWORD}-new` });
    expect(await exposed()).toEqual([false]);
  });
});
