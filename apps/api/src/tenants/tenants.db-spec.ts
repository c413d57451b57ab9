import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AuditFacts, chainHash, GENESIS } from '@quayside/database';
import { EVENT_CATALOG, parseEvent } from '@quayside/events';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi } from '../testing/api-fixture.js';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

describe('a tenant', () => {
  it('is created with limits and a ledger, and read by id and by slug', async () => {
    const created = await api.call('POST', '/v1/tenants', {
      body: { slug: 'acme', name: ' ACME Ltd ', limits: { bytes: 100, accounts: 5 }, timeZone: 'Europe/Berlin' },
    });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      slug: 'acme',
      name: 'ACME Ltd',
      status: 'active',
      limits: { bytes: 100, files: null, accounts: 5 },
      usage: { bytes: 0, files: 0, accounts: 0 },
      timeZone: 'Europe/Berlin',
      version: 1,
    });
    expect(created.headers.get('location')).toBe(`/v1/tenants/${created.body.id}`);
    for (const name of ['acme', created.body.id]) {
      const read = await api.call('GET', `/v1/tenants/${name}`);
      expect([read.status, read.body, read.headers.get('etag')]).toEqual([200, created.body, '"1"']);
    }
    const ledger = await api.database.prisma.quotaLedger.findUniqueOrThrow({ where: { id: created.body.id } });
    expect(ledger).toMatchObject({ kind: 'tenant', bytesLimit: 100n, filesLimit: null });
  });

  it('is patched, suspended and resumed under If-Match', async () => {
    await aTenant(api, 'patched');
    const path = '/v1/tenants/patched';
    const patched = await api.call('PATCH', path, {
      body: { slug: 'renamed', limits: { bytes: 7, accounts: 2 } },
      headers: { 'if-match': '"1"' },
    });
    expect(patched.body).toMatchObject({ slug: 'renamed', limits: { bytes: 7, files: null, accounts: 2 }, version: 2 });
    expect((await api.call('GET', path)).status).toBe(404);
    expect((await api.call('PATCH', '/v1/tenants/renamed', { body: { slug: 'acme' } })).body.code).toBe(
      'tenant.slug-taken',
    );
    const stale = await api.call('POST', '/v1/tenants/renamed/suspend', { headers: { 'if-match': '"1"' } });
    expect(stale.status).toBe(412);
    const suspended = await api.call('POST', '/v1/tenants/renamed/suspend', { body: { reason: 'unpaid' } });
    expect(suspended.body).toMatchObject({ status: 'suspended', statusText: 'unpaid' });
    const resumed = await api.call('POST', '/v1/tenants/renamed/resume');
    expect(resumed.body).toMatchObject({ status: 'active', statusText: null, limits: { bytes: 7 } });
  });

  it('is deleted only when nothing is left in it', async () => {
    await aTenant(api, 'leaving');
    const { body: account } = await api.call('POST', '/v1/tenants/leaving/accounts', { body: { username: 'web' } });
    const refuse = async (detail: string): Promise<void> => {
      const { status, body } = await api.call('DELETE', '/v1/tenants/leaving');
      expect([status, body.code, body.detail]).toEqual([409, 'tenant.not-empty', detail]);
    };
    await refuse('1 accounts and 1 spaces are left');
    await api.call('DELETE', '/v1/tenants/leaving/accounts/web?files=delete');
    await refuse('0 accounts and 1 spaces are left');
    const { SpaceRepository } = await import('@quayside/database');
    await new SpaceRepository(api.database).forgetRemoved(account.space);
    expect((await api.call('DELETE', '/v1/tenants/leaving', { headers: { 'if-match': '"9"' } })).status).toBe(412);
    expect((await api.call('DELETE', '/v1/tenants/leaving')).status).toBe(204);
    expect((await api.call('GET', '/v1/tenants/leaving')).status).toBe(404);
    expect((await api.call('POST', '/v1/tenants', { body: { slug: 'leaving', name: 'Back' } })).status).toBe(201);
  });

  it('is listed in pages by slug and by time', async () => {
    const slugs: string[] = [];
    let cursor = '';
    do {
      const { body } = await api.call('GET', `/v1/tenants?limit=1&sort=slug${cursor}`);
      slugs.push(body.items[0].slug);
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '');
    expect(slugs).toEqual(['acme', 'leaving', 'renamed']);
    const { body } = await api.call('GET', '/v1/tenants?sort=-createdAt&q=R');
    expect(body.items.map(({ slug }: { slug: string }) => slug)).toEqual(['renamed']);
  });
});

describe('the audit log', () => {
  it('has one entry per change, with actor, address, before and after', async () => {
    const { body } = await api.call('GET', '/v1/audit?action=tenant.suspend');
    expect(body.items).toMatchObject([
      {
        action: 'tenant.suspend',
        resource: 'tenant',
        actor: { name: 'bootstrap', address: '127.0.0.1' },
        before: { status: 'active' },
        after: { status: 'suspended', statusText: 'unpaid' },
      },
    ]);
    const scoped = await api.call('GET', '/v1/tenants/renamed/audit?limit=200');
    expect(scoped.body.items.length).toBeGreaterThan(4);
    expect(new Set(scoped.body.items.map(({ tenantId }: { tenantId: string }) => tenantId)).size).toBe(1);
  });

  it('is one unbroken chain, also after concurrent changes', async () => {
    await Promise.all(
      Array.from({ length: 10 }, (_, n) => api.call('POST', '/v1/tenants', { body: { slug: `c${n}`, name: 'C' } })),
    );
    const rows = await api.database.prisma.auditEntry.findMany({ orderBy: { seq: 'asc' } });
    expect(rows.length).toBeGreaterThan(20);
    let previous: Uint8Array = GENESIS;
    for (const row of rows) {
      expect(Buffer.from(row.prevHash).equals(previous)).toBe(true);
      const facts: AuditFacts = { ...row, at: row.at.toISOString() };
      expect(chainHash(previous, facts).equals(row.hash)).toBe(true);
      previous = row.hash;
    }
  });

  it('has an event of the catalogue beside every entry', async () => {
    const outbox = await api.database.prisma.outbox.findMany();
    expect(outbox).toHaveLength(await api.database.prisma.auditEntry.count());
    for (const { id, event } of outbox) {
      const parsed = parseEvent(event);
      expect(parsed).toMatchObject({ known: true, event: { id, type: EVENT_CATALOG['admin.changed'].type } });
    }
  });

  it('leaves out what was refused', async () => {
    const before = await api.database.prisma.auditEntry.count();
    await api.call('POST', '/v1/tenants', { body: { slug: 'acme', name: 'again' } });
    await api.call('PATCH', '/v1/tenants/acme', { body: { name: 'x' }, headers: { 'if-match': '"99"' } });
    expect(await api.database.prisma.auditEntry.count()).toBe(before);
  });
});

describe('anonymous FTP', () => {
  it('names the account of its anonymous visitors, and a folder where they may leave files', async () => {
    await aTenant(api, 'public');
    await aTenant(api, 'other');
    const { body: account } = await api.call('POST', '/v1/tenants/public/accounts', {
      body: { username: 'public' },
    });
    const { body: foreign } = await api.call('POST', '/v1/tenants/other/accounts', {
      body: { username: 'public' },
    });
    const path = '/v1/tenants/public';
    expect((await api.call('GET', path)).body.anonymous).toBeNull();
    const patched = await api.call('PATCH', path, {
      body: { anonymous: { account: account.id, dropFolder: '/in/../incoming/' } },
    });
    expect(patched.body.anonymous).toEqual({ account: account.id, dropFolder: '/incoming' });
    const refused = await api.call('PATCH', path, { body: { anonymous: { account: foreign.id } } });
    expect([refused.status, refused.body.code]).toEqual([404, 'account.not-found']);
    const { LoginRepository } = await import('@quayside/database');
    const logins = new LoginRepository(api.database);
    for (const name of ['anonymous', 'ftp']) {
      expect(await logins.findForLogin(name, 'public')).toMatchObject({
        account: { id: account.id },
        anonymous: { dropFolder: '/incoming' },
      });
      expect(await logins.findForLogin(name, 'other')).toBeNull();
    }
    expect((await api.call('PATCH', path, { body: { anonymous: null } })).body.anonymous).toBeNull();
    expect(await logins.findForLogin('anonymous', 'public')).toBeNull();
  });
});
