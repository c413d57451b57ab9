import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi, type TenantFixture } from '../testing/api-fixture.js';

let api: ApiFixture;
let acme: TenantFixture;
let web: { id: string };
const deletedAccount = newId();
const session = newId();

/** Two transfers in each of five seconds, so that every page ends among equal times. */
const TRANSFERS = 10;

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
  const other = await aTenant(api, 'other');
  web = (await api.call('POST', '/v1/tenants/acme/accounts', { body: { username: 'web' } })).body;
  await api.database.pool.query('SELECT ensure_partitions(1)');
  const second = Math.floor(Date.now() / 1000) * 1000 - 60_000;
  for (let n = 0; n < TRANSFERS; n++) {
    const startedAt = new Date(second + Math.floor(n / 2) * 1000);
    await addTransfer({
      tenantId: acme.id,
      accountId: n === 9 ? deletedAccount : web.id,
      account: n === 9 ? 'gone' : 'web',
      startedAt,
      path: n < 4 ? `/in/file_${n}` : `/out/file${n}`,
      direction: n % 2 === 0 ? 'upload' : 'download',
      outcome: n === 3 ? 'failed' : 'completed',
      bytes: n === 0 ? 2n ** 53n - 1n : BigInt(n),
    });
    await addEvent(
      acme.id,
      n === 9 ? deletedAccount : web.id,
      startedAt,
      n < 5 ? 'transfer.completed' : 'login.failed',
      {
        account: n === 9 ? 'gone' : 'web',
        path: `/in/file_${n}`,
      },
    );
  }
  await addTransfer({
    tenantId: other.id,
    accountId: newId(),
    account: 'web',
    startedAt: new Date(),
    path: '/secret',
    direction: 'upload',
    outcome: 'completed',
    bytes: 1n,
  });
  await addEvent(other.id, newId(), new Date(), 'login.failed', { account: 'web' });
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

async function addTransfer(row: {
  tenantId: string;
  accountId: string;
  account: string;
  startedAt: Date;
  path: string;
  direction: string;
  outcome: string;
  bytes: bigint;
}): Promise<void> {
  await api.database.prisma.transferLog.create({
    data: {
      id: newId(),
      eventId: newId(),
      sessionId: session,
      finishedAt: row.startedAt,
      protocol: 'ftps',
      remoteAddress: '192.0.2.1',
      sha256: 'ab'.repeat(32),
      reason: row.outcome === 'failed' ? 'quota' : null,
      ...row,
    },
  });
}

async function addEvent(tenantId: string, accountId: string, at: Date, type: string, data: object): Promise<void> {
  await api.database.prisma.event.create({
    data: { id: newId(), at, type, v: 1, tenantId, accountId, sessionId: session, data },
  });
}

interface Item {
  readonly id: string;
  readonly path: string;
  readonly startedAt: string;
  readonly type: string;
}

async function all(list: string, query: string, limit = 3): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const at: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { status, body } = await api.call('GET', `/v1/tenants/acme/${list}?limit=${limit}&${query}${at}`, {
      key: acme.viewer,
    });
    expect([query, status]).toEqual([query, 200]);
    items.push(...body.items);
    cursor = body.nextCursor;
  } while (cursor !== null);
  return items;
}

describe('the transfer log', () => {
  it('shows each transfer in full, with bytes up to 2^53-1 exact', async () => {
    const [oldest] = await all('transfers', 'sort=startedAt');
    expect(oldest).toEqual({
      id: expect.any(String),
      account: 'web',
      accountId: web.id,
      direction: 'upload',
      path: '/in/file_0',
      bytes: Number.MAX_SAFE_INTEGER,
      outcome: 'completed',
      reason: null,
      sha256: 'ab'.repeat(32),
      protocol: 'ftps',
      startedAt: expect.any(String),
      finishedAt: expect.any(String),
      sessionId: session,
      remoteAddress: '192.0.2.1',
      node: null,
    });
  });

  it.each([1, 2, 3, 7, 10, 200])('comes newest first in pages of %d that miss and repeat nothing', async (limit) => {
    const items = await all('transfers', '', limit);
    expect(items).toHaveLength(TRANSFERS);
    expect(new Set(items.map(({ id }) => id)).size).toBe(TRANSFERS);
    const times = items.map(({ startedAt }) => startedAt);
    expect(times).toEqual(times.toSorted().toReversed());
  });

  it.each([
    ['account=web', 9],
    ['account=WEB', 9],
    [`account=gone`, 1],
    [`account=${deletedAccount}`, 1],
    ['account=nobody', 0],
    ['direction=upload', 5],
    ['outcome=failed', 1],
    ['protocol=ftp', 0],
    [`session=${session}`, 10],
    ['path=/in/file_1', 1],
    ['path=/in/*', 4],
    ['path=/in/file_*', 4],
    ['path=/out/file_*', 0],
    ['from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z', 0],
    ['from=2020-01-01T00:00:00%2B02:00', 10],
    ['direction=download&outcome=completed&path=/in/*', 1],
  ])('?%s finds %d', async (query, expected) => {
    expect(await all('transfers', query)).toHaveLength(expected);
  });

  it('includes its lower and excludes its upper bound', async () => {
    const [newest] = await all('transfers', '');
    expect(await all('transfers', `from=${newest!.startedAt}`)).toHaveLength(2);
    expect(await all('transfers', `to=${newest!.startedAt}`)).toHaveLength(TRANSFERS - 2);
  });
});

describe('the event log', () => {
  it.each([
    ['', 10],
    ['type=login.failed', 5],
    ['type=transfer.*', 5],
    ['type=trans*&account=web', 5],
    ['account=gone', 1],
    [`account=${deletedAccount}`, 1],
    ['path=/in/file_1', 1],
    ['path=/in/*', 10],
  ])('?%s finds %d', async (query, expected) => {
    const items = await all('events', query);
    expect(items).toHaveLength(expected);
    expect(new Set(items.map(({ id }) => id)).size).toBe(expected);
  });
});

describe('live sessions', () => {
  const node = newId();
  const worker = newId();
  const open = newId();

  beforeAll(async () => {
    const now = new Date();
    const { prisma } = api.database;
    await prisma.node.create({ data: { id: node, name: 'n1', version: '1', startedAt: now, heartbeatAt: now } });
    await prisma.worker.create({
      data: { id: worker, nodeId: node, slot: 0, pid: 1, startedAt: now, heartbeatAt: now },
    });
    await prisma.ftpSession.create({
      data: {
        id: open,
        workerId: worker,
        tenantId: acme.id,
        accountId: web.id,
        username: 'web',
        remoteAddress: '192.0.2.7',
        protocol: 'ftps',
        tlsVersion: 'TLSv1.3',
        openedAt: now,
        seenAt: now,
        activity: { verb: 'STOR', path: '/big.iso', bytes: 5, startedAt: now.toISOString() },
      },
    });
  });

  it('are listed with what they do, and found by account and address', async () => {
    const { body } = await api.call('GET', '/v1/tenants/acme/sessions', { key: acme.viewer });
    expect(body.items).toMatchObject([
      { id: open, account: 'web', node: 'n1', ending: false, activity: { verb: 'STOR', bytes: 5 } },
    ]);
    expect(await all('sessions', 'account=web')).toHaveLength(1);
    expect(await all('sessions', 'account=nobody')).toHaveLength(0);
    expect(await all('sessions', 'remoteAddress=192.0.2.8')).toHaveLength(0);
    expect((await api.call('GET', `/v1/tenants/other/sessions/${open}`)).status).toBe(404);
  });

  it('are ended through their worker, which is told at once', async () => {
    const listener = await api.database.pool.connect();
    const told = new Promise<string>((resolve) =>
      listener.on('notification', ({ payload }) => {
        const change = JSON.parse(payload ?? '{}') as { table?: string; id?: string };
        if (change.table === 'ftp_session') resolve(change.id ?? '');
      }),
    );
    await listener.query('LISTEN quayside_changed');
    expect((await api.call('DELETE', `/v1/tenants/other/sessions/${open}`)).status).toBe(404);
    expect((await api.call('DELETE', `/v1/tenants/acme/sessions/${open}`, { key: acme.viewer })).status).toBe(403);
    expect((await api.call('DELETE', `/v1/tenants/acme/sessions/${open}`, { key: acme.admin })).status).toBe(204);
    expect(await told).toBe(open);
    listener.release(true);
    expect((await api.call('GET', `/v1/tenants/acme/sessions/${open}`)).body.ending).toBe(true);
  });
});

describe('exports', () => {
  it('have every row of the list, as NDJSON and as CSV, under the same filters', async () => {
    for (const list of ['transfers', 'events']) {
      const filter = list === 'transfers' ? 'direction=upload' : 'type=login.failed';
      const items = await all(list, filter);
      const path = `/v1/tenants/acme/${list}/export?${filter}`;
      const ndjson = await api.call('GET', path, { key: acme.viewer });
      expect(ndjson.headers.get('content-disposition')).toContain(`${list}.ndjson`);
      expect(
        ndjson.body
          .trimEnd()
          .split('\n')
          .map((line: string) => JSON.parse(line)),
      ).toEqual(items);
      const csv = await api.call('GET', `${path}&format=csv`, { key: acme.viewer });
      expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
      expect(csv.body.trimEnd().split('\r\n')).toHaveLength(items.length + 1);
    }
  });

  it('belong to the tenant and refuse what the list refuses', async () => {
    const key = acme.viewer;
    expect((await api.call('GET', '/v1/tenants/other/transfers/export', { key })).status).toBe(404);
    const refused = await api.call('GET', '/v1/tenants/acme/events/export?colour=red', { key });
    expect(refused.body.errors[0].field).toBe('colour');
  });
});

describe('ending many sessions', () => {
  const open = async (remoteAddress: string, accountId = web.id) => {
    const { prisma } = api.database;
    const node = await prisma.node.upsert({
      where: { name: 'many' },
      update: {},
      create: { id: newId(), name: 'many', version: '1', startedAt: new Date(), heartbeatAt: new Date() },
    });
    const about = { startedAt: new Date(), heartbeatAt: new Date() };
    const worker = await prisma.worker.create({ data: { id: newId(), nodeId: node.id, slot: 0, pid: 1, ...about } });
    const id = newId();
    const facts = { username: 'web', protocol: 'ftp', openedAt: new Date(), seenAt: new Date() };
    await prisma.ftpSession.create({
      data: { id, workerId: worker.id, tenantId: acme.id, accountId, remoteAddress, ...facts },
    });
    return id;
  };

  it('takes all of an account or of an address, and says how many', async () => {
    const [one, two] = [await open('203.0.113.1'), await open('203.0.113.2', deletedAccount)];
    await open('203.0.113.2');
    const key = acme.admin;
    const byAddress = await api.call('DELETE', '/v1/tenants/acme/sessions?address=203.0.113.2', { key });
    expect(byAddress).toMatchObject({ status: 200, body: { ended: 2 } });
    const byAccount = await api.call('DELETE', '/v1/tenants/acme/sessions?account=web&reason=Maintenance', { key });
    expect(byAccount.body.ended).toBeGreaterThanOrEqual(1);
    const read = (id: string) => api.call('GET', `/v1/tenants/acme/sessions/${id}`, { key });
    expect([(await read(one)).body.ending, (await read(two)).body.ending]).toEqual([true, true]);
    expect((await api.call('DELETE', '/v1/tenants/acme/sessions', { key })).body.code).toBe('request.invalid');
    const viewer = { key: acme.viewer };
    expect((await api.call('DELETE', '/v1/tenants/acme/sessions?account=web', viewer)).status).toBe(403);
  });

  it('shows the platform the sessions of all tenants, and lets it end those of an address', async () => {
    const id = await open('203.0.113.9');
    const { body } = await api.call('GET', '/v1/sessions?address=203.0.113.9&node=many&protocol=ftp');
    expect(body.items).toMatchObject([{ id, tenantId: acme.id, tenant: 'acme', node: 'many', ending: false }]);
    expect((await api.call('GET', '/v1/sessions', { key: acme.admin })).status).toBe(403);
    const ended = await api.call('DELETE', '/v1/sessions?address=203.0.113.9');
    expect(ended.body).toEqual({ ended: 1 });
  });
});
