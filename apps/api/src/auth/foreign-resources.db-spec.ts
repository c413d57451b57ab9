import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { previewOpenApi } from '../openapi.js';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi, type TenantFixture } from '../testing/api-fixture.js';

let api: ApiFixture;
let acme: TenantFixture;
/** By the last fixed part of a route: the id of such a resource of the other tenant. */
const foreign: Record<string, string> = {};

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
  await aTenant(api, 'other');
  await make('acme', 'accounts', { username: 'web' });
  foreign['accounts'] = await make('other', 'accounts', { username: 'theirs' });
  foreign['spaces'] = await make('other', 'spaces', { name: 'theirs' });
  foreign['policies'] = await make('other', 'policies', { name: 'theirs' });
  foreign['credentials'] = await make('other', 'accounts/theirs/credentials', { label: 'theirs' });
  foreign['mounts'] = await make('other', 'accounts/theirs/mounts', { space: foreign['spaces'], path: '/x' });
  foreign['api-keys'] = await make('other', 'api-keys', { name: 'theirs', role: 'tenant-viewer' });
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

async function make(tenant: string, path: string, body: object): Promise<string> {
  const answer = await api.call('POST', `/v1/tenants/${tenant}/${path}`, { body });
  expect([path, answer.status]).toEqual([path, 201]);
  return answer.body.id;
}

/** Bodies that are valid, so that what is refused is the resource. */
const BODIES: Record<string, object> = {
  'POST accounts/{account}/credentials': { label: 'x' },
  'POST accounts/{account}/explain': { operation: 'login' },
  'POST policies/{id}/preview': { rules: {} },
};

describe('a tenant’s key, in its own tenant', () => {
  it(
    'gets for ids of another tenant’s resources exactly what it gets for ids that nobody has',
    async () => {
      const { paths } = await previewOpenApi();
      const seen: string[] = [];
      for (const [route, item] of Object.entries(paths)) {
        const rest = route.replace(/^\/v1\/tenants\/{tenant}\//, '');
        const kind = /([a-z-]+)\/{\w+}(?:\/[a-z-]+)?$/.exec(rest)?.[1];
        if (rest === route || kind === undefined || foreign[kind] === undefined) continue;
        for (const method of Object.keys(item).map((name) => name.toUpperCase())) {
          const at = (id: string): string =>
            `/v1/tenants/acme/${rest.replace(/{\w+}(?=(?:\/[a-z-]+)?$)/, id).replace('{account}', 'web')}`;
          const space = { space: foreign['spaces'], path: '/y' };
          const given = rest === 'accounts/{account}/mounts' ? space : BODIES[`${method} ${rest}`];
          const body = method === 'GET' ? undefined : (given ?? {});
          const theirs = await api.call(method, at(foreign[kind]), { key: acme.admin, body });
          const nobodys = await api.call(method, at(newId()), { key: acme.admin, body });
          expect([method, rest, theirs.status]).toEqual([method, rest, 404]);
          expect(theirs.body).toEqual(nobodys.body);
          expect([...theirs.headers.keys()]).toEqual([...nobodys.headers.keys()]);
          seen.push(`${method} ${rest}`);
        }
      }
      expect(seen).toEqual(
        expect.arrayContaining([
          'PATCH accounts/{account}',
          'POST accounts/{account}/explain',
          'GET accounts/{account}/credentials',
          'PATCH accounts/{account}/credentials/{id}',
          'DELETE accounts/{account}/mounts/{id}',
          'PATCH policies/{id}',
          'POST policies/{id}/preview',
          'PATCH spaces/{id}',
        ]),
      );
      const { body } = await api.call('GET', '/v1/tenants/other/accounts/theirs/mounts');
      expect(body.items).toHaveLength(2);
    },
    START_TIMEOUT_MS,
  );

  it('cannot name them in a body either', async () => {
    const { body: mounts } = await api.call('GET', '/v1/tenants/acme/accounts/web/mounts');
    for (const [method, path, body, code] of [
      ['POST', 'accounts', { username: 'x', space: foreign['spaces'] }, 'space.not-found'],
      ['POST', 'accounts', { username: 'x', policy: foreign['policies'] }, 'policy.not-found'],
      ['PATCH', 'accounts/web', { policy: foreign['policies'] }, 'policy.not-found'],
      ['POST', 'accounts/web/mounts', { space: foreign['spaces'], path: '/y' }, 'space.not-found'],
      ['PATCH', `accounts/web/mounts/${mounts.items[0].id}`, { space: foreign['spaces'] }, 'space.not-found'],
      [
        'POST',
        'accounts/web/explain',
        { operation: 'login', credential: foreign['credentials'] },
        'credential.not-found',
      ],
    ] as const) {
      const answer = await api.call(method, `/v1/tenants/acme/${path}`, { key: acme.admin, body });
      expect([path, answer.status, answer.body.code]).toEqual([path, 404, code]);
    }
  });
});

describe('a tenant’s key, in queries', () => {
  /** Lists that can be narrowed to an account, a space or something that belongs to one. */
  const NARROWED: readonly (readonly [string, string, string])[] = [
    ['events', 'account', 'accounts'],
    ['events/export', 'account', 'accounts'],
    ['transfers', 'account', 'accounts'],
    ['transfers/export', 'account', 'accounts'],
    ['sessions', 'account', 'accounts'],
    ['usage', 'account', 'accounts'],
    ['usage', 'space', 'spaces'],
    ['audit', 'resourceId', 'spaces'],
    ['audit', 'resourceId', 'accounts'],
  ];

  it.each(NARROWED)('gets from %s by the %s of another tenant what it gets by nobody’s', async (list, query, kind) => {
    const by = async (value: string) => {
      const { status, body } = await api.call('GET', `/v1/tenants/acme/${list}?${query}=${value}`, {
        key: acme.viewer,
      });
      return { status, text: JSON.stringify(body).replaceAll(value, 'VALUE') };
    };
    const theirs = await by(foreign[kind]!);
    expect(theirs).toEqual(await by(newId()));
    expect(theirs.text).not.toContain('theirs');
  });

  it.each(['events', 'transfers', 'sessions', 'usage'])(
    'gets from %s by the name of another tenant’s account what it gets by nobody’s',
    async (list) => {
      const [theirs, nobodys] = await Promise.all(
        ['theirs', 'nobody'].map((account) =>
          api.call('GET', `/v1/tenants/acme/${list}?account=${account}`, { key: acme.viewer }),
        ),
      );
      expect([theirs!.status, theirs!.body]).toEqual([nobodys!.status, nobodys!.body]);
    },
  );

  it('ends no sessions of another tenant’s account, and cannot tell it from nobody', async () => {
    for (const [theirs, nobodys] of [
      [foreign['accounts']!, newId()],
      ['theirs', 'nobody'],
    ] as const) {
      const [one, other] = await Promise.all(
        [theirs, nobodys].map((account) =>
          api.call('DELETE', `/v1/tenants/acme/sessions?account=${account}`, { key: acme.admin }),
        ),
      );
      expect([one!.status, one!.body]).toEqual([other!.status, other!.body]);
    }
  });

  it('cannot go on where a page of another tenant ended', async () => {
    let tried = 0;
    await make('other', 'accounts', { username: 'second' });
    await make('other', 'spaces', { name: 'second' });
    await make('other', 'policies', { name: 'second' });
    for (const list of ['accounts', 'spaces', 'policies', 'api-keys', 'audit', 'recounts', 'webhooks', 'domains']) {
      const { body: page } = await api.call('GET', `/v1/tenants/other/${list}?limit=1`);
      if (page.nextCursor === null) continue;
      const answer = await api.call('GET', `/v1/tenants/acme/${list}?limit=1&cursor=${page.nextCursor}`, {
        key: acme.admin,
      });
      expect([list, answer.body.code]).toEqual([list, 'cursor.invalid']);
      tried++;
    }
    expect(tried).toBeGreaterThan(3);
  });

  it('gets no answer that was kept for another caller under the same Idempotency-Key', async () => {
    const request = { body: { name: 'same' }, headers: { 'idempotency-key': 'one-and-the-same' } };
    const { body: key } = await api.call('POST', '/v1/tenants/other/api-keys', {
      body: { name: 'x', role: 'tenant-admin' },
    });
    const theirs = await api.call('POST', '/v1/tenants/other/spaces', { ...request, key: key.key });
    const own = await api.call('POST', '/v1/tenants/acme/spaces', { ...request, key: acme.admin });
    expect([theirs.status, own.status, own.headers.get('idempotency-replayed')]).toEqual([201, 201, null]);
    expect(own.body.id).not.toBe(theirs.body.id);
  });
});

describe('a tenant’s key, elsewhere', () => {
  /** Every operation of the API description, with this in place of the tenant and ids of the other tenant's things. */
  async function* operations(tenant: string): AsyncGenerator<{ method: string; route: string; path: string }> {
    const { paths } = await previewOpenApi();
    for (const [route, item] of Object.entries(paths)) {
      if (!route.startsWith('/v1/')) continue;
      const path = route
        .replace('{tenant}', tenant)
        .replace('{account}', 'theirs')
        .replaceAll(/([a-z-]+)\/{\w+}/g, (_all, kind: string) => `${kind}/${foreign[kind] ?? newId()}`);
      for (const method of Object.keys(item)) yield { method: method.toUpperCase(), route, path };
    }
  }

  it(
    'gets for another tenant, on every path of the API description, exactly what it gets for one that nobody has',
    async () => {
      let asked = 0;
      for await (const { method, route, path } of operations('other')) {
        if (!route.startsWith('/v1/tenants/{tenant}')) continue;
        for (const key of [acme.admin, acme.viewer]) {
          const body = method === 'GET' ? undefined : {};
          const theirs = await api.call(method, path, { key, body });
          const nobodys = await api.call(method, path.replace('/other', '/nobody'), { key, body });
          expect([method, route, theirs.status]).toEqual([method, route, 404]);
          expect(theirs.body).toEqual(nobodys.body);
          expect([...theirs.headers.keys()]).toEqual([...nobodys.headers.keys()]);
          asked++;
        }
      }
      expect(asked).toBeGreaterThan(80);
      expect((await api.call('GET', '/v1/tenants/other')).body).toMatchObject({ slug: 'other', status: 'active' });
    },
    START_TIMEOUT_MS,
  );

  it(
    'is refused on every path of the platform, whether what it names exists or not',
    async () => {
      let asked = 0;
      for await (const { method, route, path } of operations('acme')) {
        if (route.startsWith('/v1/tenants/')) continue;
        const body = method === 'GET' ? undefined : {};
        const answer = await api.call(method, path, { key: acme.admin, body });
        expect([method, route, answer.status, answer.body.code]).toEqual([method, route, 403, 'access.forbidden']);
        asked++;
      }
      expect(asked).toBeGreaterThan(15);
    },
    START_TIMEOUT_MS,
  );
});
