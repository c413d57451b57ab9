import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { previewOpenApi } from '../openapi.js';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi, type TenantFixture } from '../testing/api-fixture.js';

let api: ApiFixture;
let acme: TenantFixture;
let other: TenantFixture;

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
  other = await aTenant(api, 'other');
  await api.call('POST', '/v1/tenants/other/accounts', { body: { username: 'web' } });
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

async function routes(): Promise<{ method: string; path: string }[]> {
  const document = await previewOpenApi();
  return Object.entries(document.paths)
    .filter(([path]) => path.startsWith('/v1'))
    .flatMap(([path, item]) => Object.keys(item).map((method) => ({ method: method.toUpperCase(), path })));
}

describe('API keys', () => {
  it('are asked for on every route', async () => {
    for (const { method, path } of await routes()) {
      const missing = await api.call(method, path, { key: null });
      expect([method, path, missing.status, missing.body.code]).toEqual([method, path, 401, 'auth.missing']);
      expect(missing.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
  });

  it('that are wrong, malformed, expired or revoked get one and the same answer', async () => {
    const { body: expiring } = await api.call('POST', '/v1/tenants/acme/api-keys', {
      body: { name: 'soon', role: 'tenant-viewer', expiresAt: new Date(Date.now() + 60_000).toISOString() },
    });
    const { body: revoked } = await api.call('POST', '/v1/tenants/acme/api-keys', {
      body: { name: 'gone', role: 'tenant-viewer' },
    });
    expect((await api.call('GET', '/v1/tenants/acme', { key: expiring.key })).status).toBe(200);
    await api.database.prisma.apiKey.update({ where: { id: expiring.id }, data: { expiresAt: new Date(0) } });
    expect((await api.call('DELETE', `/v1/tenants/acme/api-keys/${revoked.id}`)).status).toBe(204);
    const answers = await Promise.all(
      ['qs_wrong', 'x'.repeat(600), expiring.key, revoked.key, `${acme.admin}x`].map((key) =>
        api.call('GET', '/v1/tenants/acme', { key }),
      ),
    );
    for (const answer of answers) {
      expect(answer.status).toBe(401);
      expect(answer.body).toEqual(answers[0]!.body);
    }
  });

  it('are stored as hashes only, shown once, and note their last use', async () => {
    const { body } = await api.call('POST', '/v1/api-keys', { body: { name: 'operations' } });
    expect(body).toMatchObject({ name: 'operations', role: 'platform-admin', lastUsedAt: null, tenantId: null });
    expect(body.key).toMatch(/^qs_[A-Za-z0-9]{8}_[A-Za-z0-9]{43}$/);
    const row = await api.database.prisma.apiKey.findUniqueOrThrow({ where: { id: body.id } });
    expect(JSON.stringify({ ...row, keyHash: Buffer.from(row.keyHash).toString() })).not.toContain(body.key.slice(15));
    expect((await api.call('GET', '/v1/tenants', { key: body.key })).status).toBe(200);
    const read = await api.call('GET', `/v1/api-keys/${body.id}`);
    expect(read.body.key).toBeUndefined();
    const list = await api.call('GET', '/v1/api-keys');
    expect(list.body.items.map((item: { name: string }) => item.name)).toEqual(['operations', 'bootstrap']);
  });

  it('of a tenant make keys of their own tenant only, and viewers make none', async () => {
    const body = { name: 'x', role: 'tenant-viewer' };
    expect((await api.call('POST', '/v1/tenants/acme/api-keys', { key: acme.admin, body })).status).toBe(201);
    expect((await api.call('POST', '/v1/tenants/other/api-keys', { key: acme.admin, body })).status).toBe(404);
    expect((await api.call('POST', '/v1/tenants/acme/api-keys', { key: acme.viewer, body })).status).toBe(403);
    expect((await api.call('POST', '/v1/api-keys', { key: acme.admin, body: { name: 'x' } })).status).toBe(403);
  });
});

describe('a tenant’s key', () => {
  it(
    'gets for another tenant exactly what it gets for one that does not exist, on every route',
    async () => {
      const { body: account } = await api.call('GET', '/v1/tenants/other/accounts/web');
      const { items: keys } = (await api.call('GET', '/v1/tenants/other/api-keys')).body;
      const ids: Record<string, string> = { account: account.id, id: keys[0].id };
      const scoped = (await routes()).filter(({ path }) => path.includes('{tenant}'));
      expect(scoped.length).toBeGreaterThan(20);
      for (const { method, path } of scoped) {
        const at = (tenant: string): string =>
          path.replace('{tenant}', tenant).replaceAll(/{(\w+)}/g, (_, name: string) => ids[name]!);
        const nowhere = await api.call(method, at('does-not-exist'), { key: acme.admin });
        expect([method, path, nowhere.status, nowhere.body.code]).toEqual([method, path, 404, 'tenant.not-found']);
        for (const tenant of [other.slug, other.id]) {
          for (const key of [acme.admin, acme.viewer]) {
            const foreign = await api.call(method, at(tenant), { key, body: method === 'GET' ? undefined : {} });
            expect(foreign.status).toBe(404);
            expect(foreign.body).toEqual(nowhere.body);
          }
        }
      }
      expect((await api.call('GET', '/v1/tenants/other/accounts/web')).body.id).toBe(account.id);
    },
    START_TIMEOUT_MS,
  );

  it('does not reach another tenant’s resources through its own tenant', async () => {
    const { body: account } = await api.call('GET', '/v1/tenants/other/accounts/web');
    const { items: keys } = (await api.call('GET', '/v1/tenants/other/api-keys')).body;
    for (const [method, path, code] of [
      ['GET', `accounts/${account.id}`, 'account.not-found'],
      ['PATCH', `accounts/${account.id}`, 'account.not-found'],
      ['DELETE', `accounts/${account.id}`, 'account.not-found'],
      ['POST', `accounts/${account.id}/suspend`, 'account.not-found'],
      ['GET', `spaces/${account.space}`, 'space.not-found'],
      ['DELETE', `spaces/${account.space}`, 'space.not-found'],
      ['GET', `api-keys/${keys[0].id}`, 'api-key.not-found'],
      ['DELETE', `api-keys/${keys[0].id}`, 'api-key.not-found'],
    ] as const) {
      const answer = await api.call(method, `/v1/tenants/acme/${path}`, { key: acme.admin });
      expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 404, code]);
    }
  });

  it('reads, and changes only as an admin, and leaves the tenant itself to the platform', async () => {
    const path = '/v1/tenants/acme/accounts';
    expect((await api.call('GET', path, { key: acme.viewer })).status).toBe(200);
    const refused = await api.call('POST', path, { key: acme.viewer, body: { username: 'x' } });
    expect([refused.status, refused.body.code]).toEqual([403, 'access.forbidden']);
    for (const [method, route] of [
      ['PATCH', '/v1/tenants/acme'],
      ['DELETE', '/v1/tenants/acme'],
      ['POST', '/v1/tenants/acme/suspend'],
      ['GET', '/v1/tenants'],
      ['POST', '/v1/tenants'],
      ['GET', '/v1/audit'],
      ['GET', '/v1/api-keys'],
    ] as const) {
      expect([route, (await api.call(method, route, { key: acme.admin })).status]).toEqual([route, 403]);
    }
  });
});

describe('the bootstrap key', () => {
  it('is replaced by another one that is configured', async () => {
    const { createApp } = await import('../create-app.js');
    const next = 'another-bootstrap-key-of-good-length';
    const app = await createApp(
      { databaseUrl: api.testDatabase.url, databasePoolSize: 2, bootstrapAdminKey: next, bcryptCost: 4 },
      false,
    );
    await app.init();
    await app.close();
    expect((await api.call('GET', '/v1/tenants')).status).toBe(401);
    expect((await api.call('GET', '/v1/tenants', { key: next })).status).toBe(200);
  });
});
