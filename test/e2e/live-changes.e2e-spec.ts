import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(120_000);

const MIB = 1024 * 1024;
const PASSWORD = 'correct-horse-battery';
/** A slow machine gets this long; what was measured is printed. */
const DEADLINE_MS = 10_000;
const DOWNLOADED = 400 * MIB;

let server: RunningInstallation;
const measured: string[] = [];

beforeAll(async () => {
  server = await startInstallation();
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
  process.stdout.write(`From the request to what the open session saw, ms:\n${measured.join('\n')}\n`);
});

type Rules = Record<string, unknown>;

/** A tenant of its own, with an account whose policy can be edited, two mounts and a labelled second password. */
interface Customer {
  readonly tenant: string;
  readonly account: string;
  readonly archiveMount: string;
  readonly credential: string;
  setPolicy(rules: Rules): Promise<void>;
}

let count = 0;

async function aCustomer(rules: Rules = {}): Promise<Customer> {
  const tenant = `t${++count}`;
  const { api } = server;
  await api.ok('POST', '/tenants', { slug: tenant, name: tenant });
  const policy = await api.ok<{ id: string }>('POST', `/tenants/${tenant}/policies`, { name: 'own', rules });
  const spaces = await Promise.all(
    ['home', 'archive'].map((name) => api.ok<{ id: string }>('POST', `/tenants/${tenant}/spaces`, { name })),
  );
  await api.ok('POST', `/tenants/${tenant}/accounts`, {
    username: 'web',
    password: PASSWORD,
    policy: policy.id,
    mounts: [
      { space: spaces[0]!.id, path: '/' },
      { space: spaces[1]!.id, path: '/archive' },
    ],
  });
  const account = `/tenants/${tenant}/accounts/web`;
  const { items } = await api.ok<{ items: { id: string; path: string }[] }>('GET', `${account}/mounts`);
  const { id: credential } = await api.ok<{ id: string }>('POST', `${account}/credentials`, {
    label: 'script',
    password: `${PASSWORD}-2`,
  });
  return {
    tenant,
    account,
    archiveMount: items.find(({ path }) => path === '/archive')!.id,
    credential,
    setPolicy: async (changed) => {
      await api.ok('PATCH', `/tenants/${tenant}/policies/${policy.id}`, { rules: changed });
    },
  };
}

/** A session with a transfer that goes on until somebody ends it. */
class Busy {
  moved = 0;
  private sending: NodeJS.Timeout | undefined;

  private constructor(
    readonly control: RawControl,
    readonly data: Socket,
    private readonly direction: 'up' | 'down',
  ) {}

  static async start(customer: Customer, direction: 'up' | 'down', path: string, password = PASSWORD): Promise<Busy> {
    const control = await RawControl.open(server.ports.ftp);
    const answer = await control.login(`web@${customer.tenant}`, password);
    if (!answer.startsWith('230')) throw new Error(`The login was refused: ${answer}`);
    await control.send('TYPE I');
    const data = await control.passive();
    const first = await control.send(`${direction === 'up' ? 'STOR' : 'RETR'} ${path}`);
    if (!first.startsWith('150')) throw new Error(`The transfer was refused: ${first}`);
    const busy = new Busy(control, data, direction);
    busy.run();
    await eventually(() => expect(busy.moved).toBeGreaterThan(128 * 1024), DEADLINE_MS);
    return busy;
  }

  stop(): void {
    clearInterval(this.sending);
    this.data.destroy();
    this.control.destroy();
  }

  private run(): void {
    const piece = Buffer.alloc(32 * 1024);
    if (this.direction === 'down') {
      // Read at about 6 MB/s, so that the transfer lasts.
      this.sending = setInterval(() => {
        const chunk = this.data.read(64 * 1024) as Buffer | null;
        this.moved += (chunk ?? (this.data.read() as Buffer | null))?.length ?? 0;
      }, 10);
      return;
    }
    this.sending = setInterval(() => {
      if (!this.data.writable || this.data.writableNeedDrain) return;
      this.data.write(piece);
      this.moved += piece.length;
    }, 10);
  }
}

/** The workers that have sessions of a tenant. */
async function workersOf({ tenant }: Customer): Promise<Set<string>> {
  const { items } = await server.api.ok<{ items: { worker: string }[] }>(
    'GET',
    `/tenants/${tenant}/events?type=login.succeeded&limit=100`,
  );
  return new Set(items.map(({ worker }) => worker));
}

/** Transfers of one account on both workers. */
async function onBothWorkers(start: (index: number) => Promise<Busy>, customer: Customer): Promise<Busy[]> {
  const sessions: Busy[] = [];
  for (let index = 0; index < 12; index++) {
    sessions.push(await start(index));
    if (sessions.length < 2) continue;
    await eventually(async () => {
      const { items } = await server.api.ok<{ items: unknown[] }>(
        'GET',
        `/tenants/${customer.tenant}/events?type=login.succeeded&limit=100`,
      );
      expect(items.length).toBeGreaterThanOrEqual(sessions.length);
      // What an admin can end is what is listed.
      const listed = await server.api.ok<{ items: unknown[] }>('GET', `/tenants/${customer.tenant}/sessions?limit=100`);
      expect(listed.items.length).toBeGreaterThanOrEqual(sessions.length);
    }, DEADLINE_MS);
    if ((await workersOf(customer)).size === 2) return sessions;
  }
  throw new Error('All sessions came to one worker');
}

let sessions: Busy[] = [];
let customer: Customer;

beforeEach(() => {
  sessions = [];
});
afterEach(() => {
  for (const session of sessions) session.stop();
});

interface Change {
  readonly name: string;
  readonly change: (customer: Customer) => Promise<unknown>;
  /** The reply that each transfer ends with. */
  readonly reply: RegExp;
  /** Whether the session is over then. */
  readonly ends: boolean;
  readonly path?: string;
  readonly password?: string;
  readonly rules?: Rules;
}

const patch = (path: (customer: Customer) => string, body: object) => (whom: Customer) =>
  server.api.ok('PATCH', path(whom), body);
const ofAccount = ({ account }: Customer): string => account;
const ofTenant = ({ tenant }: Customer): string => `/tenants/${tenant}`;
const rules = (changed: Rules) => (whom: Customer) => whom.setPolicy(changed);
const ENDED = /^4(26|21)/;

const CHANGES: readonly Change[] = [
  {
    name: 'suspend',
    change: ({ account }) => server.api.ok('POST', `${account}/suspend`, {}),
    reply: ENDED,
    ends: true,
  },
  { name: 'status download_only', change: patch(ofAccount, { status: 'download_only' }), reply: /^426/, ends: false },
  { name: 'status read_only', change: patch(ofAccount, { status: 'read_only' }), reply: /^426/, ends: false },
  { name: 'tenant suspended', change: patch(ofTenant, { status: 'suspended' }), reply: ENDED, ends: true },
  {
    name: 'permission taken',
    change: rules({ paths: [{ path: '/**', deny: ['upload'] }] }),
    reply: /^426/,
    ends: false,
  },
  { name: 'name denied', change: rules({ names: { deny: ['*.bin'] } }), reply: /^426/, ends: false },
  { name: 'cap: file size', change: rules({ caps: { fileSize: 1000 } }), reply: /^552/, ends: false },
  { name: 'cap: monthly traffic', change: rules({ caps: { monthlyTotal: 1000 } }), reply: /^552/, ends: false },
  {
    name: 'cap: monthly traffic, lowered',
    rules: { caps: { monthlyUpload: 10_000 * MIB } },
    change: rules({ caps: { monthlyUpload: 1000 } }),
    reply: /^552/,
    ends: false,
  },
  {
    name: 'quota of the space',
    change: patch(ofAccount, { quota: { bytes: 1000 } }),
    reply: /^552/,
    ends: false,
  },
  { name: 'quota of the tenant', change: patch(ofTenant, { limits: { bytes: 1000 } }), reply: /^552/, ends: false },
  { name: 'address denied', change: rules({ addresses: { deny: ['127.0.0.0/8'] } }), reply: ENDED, ends: true },
  { name: 'TLS required', change: rules({ protocols: { tls: 'required' } }), reply: ENDED, ends: true },
  { name: 'plain FTP off', change: rules({ protocols: { ftp: false } }), reply: ENDED, ends: true },
  {
    name: 'outside the hours',
    change: () => {
      // The day before yesterday is no present day anywhere.
      const day = (['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const)[(new Date().getUTCDay() + 5) % 7];
      return customer.setPolicy({ times: [{ days: [day], from: '00:00', to: '12:00', timeZone: 'UTC' }] });
    },
    reply: ENDED,
    ends: true,
  },
  {
    name: 'policy expired',
    change: rules({ expiresAt: '2020-01-01T00:00:00Z' }),
    reply: ENDED,
    ends: true,
  },
  {
    name: 'account expired',
    change: patch(ofAccount, { expiresAt: '2020-01-01T00:00:00Z' }),
    reply: ENDED,
    ends: true,
  },
  { name: 'password changed', change: patch(ofAccount, { password: `${PASSWORD}-new` }), reply: ENDED, ends: true },
  {
    name: 'extra password revoked',
    password: `${PASSWORD}-2`,
    change: ({ account, credential }) => server.api.ok('DELETE', `${account}/credentials/${credential}`),
    reply: ENDED,
    ends: true,
  },
  {
    name: 'extra password made read-only',
    password: `${PASSWORD}-2`,
    change: ({ account, credential }) =>
      server.api.ok('PATCH', `${account}/credentials/${credential}`, { readOnly: true }),
    reply: /^426/,
    ends: false,
  },
  {
    name: 'mount removed',
    path: '/archive',
    change: ({ account, archiveMount }) => server.api.ok('DELETE', `${account}/mounts/${archiveMount}`),
    reply: /^426/,
    ends: false,
  },
  {
    name: 'mount made read-only',
    path: '/archive',
    change: ({ account, archiveMount }) =>
      server.api.ok('PATCH', `${account}/mounts/${archiveMount}`, { permissions: ['list', 'download'] }),
    reply: /^426/,
    ends: false,
  },
  {
    name: 'sessions ended by an admin',
    change: ({ tenant }) => server.api.ok('DELETE', `/tenants/${tenant}/sessions?account=web`),
    reply: ENDED,
    ends: true,
  },
  { name: 'account deleted', change: ({ account }) => server.api.ok('DELETE', account), reply: ENDED, ends: true },
];

describe('a change by an admin reaches running transfers on both workers', () => {
  it.each(CHANGES)('$name', async ({ name, change, reply, ends, path = '', password, rules: begin = {} }) => {
    customer = await aCustomer(begin);
    sessions = await onBothWorkers((index) => Busy.start(customer, 'up', `${path}/${index}.bin`, password), customer);
    const asked = Date.now();
    await change(customer);
    const answered = Date.now();
    const seen = await Promise.all(
      sessions.map(async ({ control }) => {
        const answer = await control.reply();
        const at = Date.now();
        expect(answer).toMatch(reply);
        if (ends) await control.end();
        return at;
      }),
    );
    measured.push(`${name.padEnd(32)} ${Math.max(...seen) - asked} (${Math.max(...seen) - answered} after the answer)`);
    if (!ends) for (const { control } of sessions) expect(await control.send('NOOP')).toMatch(/^200/);
  });

  it.each([
    ['of one session', { uploadRate: MIB }, { uploadRate: 64 * 1024 }],
    ['shared by the account', {}, { sharedUploadRate: 64 * 1024 }],
    ['shared by the tenant', {}, { tenantUploadRate: 64 * 1024 }],
  ])('upload rate %s', async (_which, before, after) => {
    customer = await aCustomer({ caps: before });
    sessions = await onBothWorkers((index) => Busy.start(customer, 'up', `/${index}.bin`), customer);
    await customer.setPolicy({ caps: after });
    await delay(1_000);
    await eventually(async () => expect(await rateNow()).toBeLessThan(256 * 1024), DEADLINE_MS);
  });

  it('download rate of one session, and a download that may not go on', async () => {
    customer = await aCustomer();
    await putLarge(customer);
    sessions = await onBothWorkers(() => Busy.start(customer, 'down', '/large'), customer);
    await customer.setPolicy({ caps: { downloadRate: 64 * 1024 } });
    // What the kernel had buffered is still to be read.
    await eventually(async () => expect(await rateNow()).toBeLessThan(sessions.length * 160 * 1024), DEADLINE_MS);
    const asked = Date.now();
    await customer.setPolicy({ paths: [{ path: '/**', deny: ['download'] }] });
    for (const { control } of sessions) expect(await control.reply()).toMatch(/^426/);
    measured.push(`${'download denied'.padEnd(32)} ${Date.now() - asked}`);
  });

  it('an address that an admin bans', async () => {
    customer = await aCustomer();
    sessions = await onBothWorkers((index) => Busy.start(customer, 'up', `/${index}.bin`), customer);
    const asked = Date.now();
    const { id } = await server.api.ok<{ id: string }>('POST', '/bans', { address: '127.0.0.1', reason: 'abuse' });
    try {
      for (const { control } of sessions) {
        expect(await control.reply()).toMatch(ENDED);
        await control.end();
      }
      measured.push(`${'ban'.padEnd(32)} ${Date.now() - asked}`);
    } finally {
      await server.api.ok('DELETE', `/bans/${id}`);
    }
    await eventually(async () => (await Busy.start(customer, 'up', '/again.bin')).stop(), DEADLINE_MS);
  });

  it('the end of an account that comes while it uploads', async () => {
    customer = await aCustomer();
    sessions = await onBothWorkers((index) => Busy.start(customer, 'up', `/${index}.bin`), customer);
    const end = Date.now() + 3_000;
    await server.api.ok('PATCH', customer.account, { expiresAt: new Date(end).toISOString() });
    for (const { control } of sessions) expect(await control.reply()).toMatch(ENDED);
    measured.push(`${'expiry reached'.padEnd(32)} ${Date.now() - end}`);
    expect(Date.now()).toBeGreaterThanOrEqual(end - 50);
  });
});

async function rateNow(): Promise<number> {
  const before = sessions.reduce((sum, { moved }) => sum + moved, 0);
  const from = performance.now();
  await delay(1_500);
  return ((sessions.reduce((sum, { moved }) => sum + moved, 0) - before) * 1000) / (performance.now() - from);
}

async function putLarge(whom: Customer): Promise<void> {
  const control = await RawControl.open(server.ports.ftp);
  await control.login(`web@${whom.tenant}`, PASSWORD);
  await control.send('TYPE I');
  const data = await control.passive();
  await control.send('STOR /large');
  const piece = Buffer.alloc(4 * MIB);
  for (let sent = 0; sent < DOWNLOADED; sent += piece.length) {
    if (!data.write(piece)) await once(data, 'drain');
  }
  data.end();
  expect(await control.reply()).toMatch(/^226/);
  control.destroy();
}
