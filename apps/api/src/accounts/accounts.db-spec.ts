import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PasswordHasher } from '@quayside/passwords';
import {
  type ApiAnswer,
  type ApiFixture,
  aTenant,
  START_TIMEOUT_MS,
  startApi,
  type TenantFixture,
} from '../testing/api-fixture.js';

let api: ApiFixture;
let acme: TenantFixture;
const ACCOUNTS = '/v1/tenants/acme/accounts';

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

function create(body: object): Promise<ApiAnswer> {
  return api.call('POST', ACCOUNTS, { body, key: acme.admin });
}

async function passwordMatches(accountId: string, password: string): Promise<boolean> {
  const { hash } = await api.database.prisma.credential.findFirstOrThrow({ where: { accountId } });
  return new PasswordHasher({ cost: 4 }).verify(password, hash);
}

describe('an account', () => {
  it('is created with a generated password, a space of its own, a ledger and a mount', async () => {
    const { status, headers, body } = await create({ username: 'Web', quota: { bytes: 1000 } });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.any(String),
      username: 'web',
      login: 'web@acme',
      status: 'active',
      statusText: null,
      quota: { bytes: 1000, files: null },
      usage: { bytes: 0, files: 0, reservedBytes: 0, stagedBytes: 0 },
      policy: null,
      space: expect.any(String),
      expiresAt: null,
      decoy: false,
      version: 1,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
      password: expect.stringMatching(/^\w{20}$/),
    });
    expect(headers.get('location')).toBe(`${ACCOUNTS}/${body.id}`);
    expect(headers.get('etag')).toBe('"1"');
    expect(await passwordMatches(body.id, body.password)).toBe(true);
    const space = await api.database.prisma.space.findUniqueOrThrow({
      where: { id: body.space },
      include: { mounts: true },
    });
    expect(space.root).toBe(`${acme.id}/${space.id}`);
    expect(space.mounts).toMatchObject([{ accountId: body.id, path: '/', subpath: '/' }]);
    expect(space.mounts[0]!.permissions).toContain('upload');
  });

  it('is read by id and by name in any case, without its password', async () => {
    const { body: made } = await create({ username: 'read', password: 'good-password' });
    expect(made.password).toBeUndefined();
    for (const name of [made.id, 'read', 'READ']) {
      const { status, body, headers } = await api.call('GET', `${ACCOUNTS}/${name}`, { key: acme.viewer });
      expect([status, body.id, headers.get('etag')]).toEqual([200, made.id, '"1"']);
      expect(JSON.stringify(body)).not.toContain('password');
    }
  });

  it('is changed by a merge patch: what is not named stays, null resets', async () => {
    const { body: made } = await create({
      username: 'patch',
      quota: { bytes: 5, files: 6 },
      expiresAt: '2030-01-01T02:00:00+02:00',
    });
    expect(made.expiresAt).toBe('2030-01-01T00:00:00.000Z');
    const path = `${ACCOUNTS}/${made.id}`;
    const bytes = await api.call('PATCH', path, { body: { quota: { bytes: 7 } } });
    expect([bytes.status, bytes.body.quota, bytes.body.version]).toEqual([200, { bytes: 7, files: 6 }, 2]);
    const files = await api.call('PATCH', path, {
      body: { quota: { files: null }, username: 'Renamed' },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
    expect(files.body).toMatchObject({
      quota: { bytes: 7, files: null },
      login: 'renamed@acme',
      expiresAt: made.expiresAt,
    });
    const reset = await api.call('PATCH', path, { body: { quota: null, expiresAt: null } });
    expect(reset.body).toMatchObject({ quota: { bytes: null, files: null }, expiresAt: null, version: 4 });
    const same = await api.call('PATCH', path, { body: { username: 'renamed' } });
    expect(same.body.version).toBe(4);
  });

  it('takes a new password and keeps it out of answer, audit log and events', async () => {
    const { body: made } = await create({ username: 'pass', password: 'first-password' });
    const changed = await api.call('PATCH', `${ACCOUNTS}/pass`, { body: { password: 'second-password' } });
    expect([changed.status, changed.body.version]).toEqual([200, 2]);
    expect(await passwordMatches(made.id, 'second-password')).toBe(true);
    const { rows } = await api.database.pool.query(
      'SELECT (SELECT json_agg(a) FROM audit_entry a)::text || (SELECT json_agg(o) FROM outbox o)::text AS text',
    );
    expect(rows[0].text).toContain('passwordChanged');
    expect(rows[0].text).not.toMatch(/first-password|second-password/);
  });

  it('is suspended with a reason and resumed', async () => {
    await create({ username: 'late' });
    const suspended = await api.call('POST', `${ACCOUNTS}/late/suspend`, { body: { reason: 'unpaid' } });
    expect(suspended.body).toMatchObject({ status: 'suspended', statusText: 'unpaid', version: 2 });
    const again = await api.call('POST', `${ACCOUNTS}/late/suspend`);
    expect(again.body).toMatchObject({ status: 'suspended', statusText: null, version: 3 });
    const resumed = await api.call('POST', `${ACCOUNTS}/late/resume`);
    expect([resumed.status, resumed.body.status, resumed.body.version]).toEqual([200, 'active', 4]);
  });

  it('goes and leaves its space, whose name can be used again', async () => {
    const { body: first } = await create({ username: 'again' });
    const kept = await api.call('DELETE', `${ACCOUNTS}/again`, { key: acme.admin });
    expect([kept.status, kept.body]).toEqual([
      200,
      { id: first.id, files: 'kept', space: { id: first.space, usage: { bytes: 0, files: 0 } } },
    ]);
    expect((await api.call('GET', `${ACCOUNTS}/again`)).status).toBe(404);
    expect((await api.call('GET', `/v1/tenants/acme/spaces/${first.space}`)).body).toMatchObject({
      mounts: 0,
      removing: false,
    });
    expect((await create({ username: 'again' })).status).toBe(201);
    const removed = await api.call('DELETE', `/v1/tenants/acme/spaces/${first.space}`);
    expect([removed.status, removed.body.removing]).toEqual([202, true]);
  });

  it('goes with its files, whose bytes go back to the tenant when they are gone', async () => {
    const { SpaceRepository } = await import('@quayside/database');
    const { body: made } = await create({ username: 'gone' });
    await api.database.pool.query(
      'UPDATE quota_ledger SET bytes_used = bytes_used + 10, files_used = files_used + 2 WHERE id = ANY($1)',
      [[made.space, acme.id]],
    );
    const removed = await api.call('DELETE', `${ACCOUNTS}/gone?files=delete`);
    expect(removed.body).toMatchObject({ files: 'removing', space: { usage: { bytes: 10, files: 2 } } });
    expect((await api.call('GET', '/v1/tenants/acme')).body.usage.bytes).toBe(10);
    const spaces = new SpaceRepository(api.testDatabase.open('quayside_worker', 1));
    expect((await spaces.listRemoved(10)).map(({ id }) => id)).toContain(made.space);
    await spaces.forgetRemoved(made.space);
    await spaces.forgetRemoved(made.space);
    expect((await api.call('GET', '/v1/tenants/acme')).body.usage).toMatchObject({ bytes: 0, files: 0 });
    expect((await api.call('GET', `/v1/tenants/acme/spaces/${made.space}`)).status).toBe(404);
  });
});

describe('If-Match', () => {
  it('refuses a version that is not the present one, on PATCH, actions and DELETE', async () => {
    await create({ username: 'etag' });
    await api.call('PATCH', `${ACCOUNTS}/etag`, { body: { quota: { bytes: 1 } } });
    for (const [method, path, body] of [
      ['PATCH', `${ACCOUNTS}/etag`, { quota: { bytes: 2 } }],
      ['PATCH', `${ACCOUNTS}/etag`, { password: 'good-password' }],
      ['POST', `${ACCOUNTS}/etag/suspend`, {}],
      ['DELETE', `${ACCOUNTS}/etag`, undefined],
    ] as const) {
      const stale = await api.call(method, path, { body, headers: { 'if-match': '"1"' } });
      expect([method, stale.status, stale.body.code]).toEqual([method, 412, 'version.conflict']);
    }
    const fresh = await api.call('PATCH', `${ACCOUNTS}/etag`, {
      body: { quota: { bytes: 2 } },
      headers: { 'if-match': 'W/"2"' },
    });
    expect([fresh.status, fresh.headers.get('etag')]).toEqual([200, '"3"']);
    expect((await api.call('DELETE', `${ACCOUNTS}/etag`, { headers: { 'if-match': '*' } })).status).toBe(200);
  });

  it('lets one of many concurrent changes of the same version through', async () => {
    await create({ username: 'race' });
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        api.call('PATCH', `${ACCOUNTS}/race`, { body: { quota: { bytes: n } }, headers: { 'if-match': '"1"' } }),
      ),
    );
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(7);
    const winner = answers.find(({ status }) => status === 200)!;
    expect((await api.call('GET', `${ACCOUNTS}/race`)).body).toMatchObject({ quota: winner.body.quota, version: 2 });
  });

  it('loses no change that concurrent patches make to different fields', async () => {
    await create({ username: 'both' });
    await Promise.all([
      api.call('PATCH', `${ACCOUNTS}/both`, { body: { quota: { bytes: 11 } } }),
      api.call('PATCH', `${ACCOUNTS}/both`, { body: { quota: { files: 12 } } }),
      api.call('PATCH', `${ACCOUNTS}/both`, { body: { statusText: 'hello' } }),
    ]);
    expect((await api.call('GET', `${ACCOUNTS}/both`)).body).toMatchObject({
      quota: { bytes: 11, files: 12 },
      statusText: 'hello',
      version: 4,
    });
  });
});

describe('the tenant’s limit of accounts', () => {
  it('holds under concurrent creations', async () => {
    const small = await aTenant(api, 'small');
    await api.call('PATCH', '/v1/tenants/small', { body: { limits: { accounts: 3 } } });
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        api.call('POST', '/v1/tenants/small/accounts', { key: small.admin, body: { username: `u${n}` } }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
    expect(answers.filter(({ body }) => body.code === 'tenant.limit-reached')).toHaveLength(5);
    expect((await api.call('GET', '/v1/tenants/small')).body.usage.accounts).toBe(3);
  });
});

/** All user names of the tenant `many` that a query finds, page after page. */
async function pages(query: string): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | null = null;
  do {
    const at: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { body, status } = await api.call('GET', `/v1/tenants/many/accounts?limit=3&${query}${at}`);
    expect(status).toBe(200);
    names.push(...body.items.map((item: { username: string }) => item.username));
    cursor = body.nextCursor;
  } while (cursor !== null);
  return names;
}

describe('the list of accounts', () => {
  it('comes in pages that miss and repeat nothing, also where all times are equal', async () => {
    await aTenant(api, 'many');
    const names = ['a_1', 'a_2', 'ab1', 'b1', 'b2', 'b3', 'c1', 'c2'];
    for (const username of names) await api.call('POST', '/v1/tenants/many/accounts', { body: { username } });
    await api.call('POST', '/v1/tenants/many/accounts/b2/suspend');
    await api.database.pool.query(
      `UPDATE account SET created_at = '2026-01-01Z' WHERE tenant_id = (SELECT id FROM tenant WHERE slug = 'many')`,
    );
    expect(await pages('')).toEqual(names);
    expect(await pages('sort=-username')).toEqual(names.toReversed());
    expect(await pages('sort=createdAt')).toEqual(names);
    expect(await pages('sort=-createdAt')).toEqual(names.toReversed());
    expect(await pages('q=A_')).toEqual(['a_1', 'a_2']);
    expect(await pages('q=%25')).toEqual([]);
    expect(await pages('status=suspended')).toEqual(['b2']);
  });

  it('refuses a cursor of another sort, filter or tenant', async () => {
    const { body } = await api.call('GET', '/v1/tenants/many/accounts?limit=3');
    for (const path of [
      `/v1/tenants/many/accounts?limit=3&sort=-username&cursor=${body.nextCursor}`,
      `/v1/tenants/many/accounts?limit=3&q=a&cursor=${body.nextCursor}`,
      `/v1/tenants/acme/accounts?limit=3&cursor=${body.nextCursor}`,
      `/v1/tenants?cursor=${body.nextCursor}`,
    ]) {
      const answer = await api.call('GET', path);
      expect([answer.status, answer.body.code]).toEqual([400, 'cursor.invalid']);
    }
  });
});
