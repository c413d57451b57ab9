import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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
const SPACES = '/v1/tenants/acme/spaces';

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

async function aSpace(name: string, quota?: object): Promise<string> {
  const made = await api.call('POST', SPACES, { key: acme.admin, body: { name, ...(quota ? { quota } : {}) } });
  expect(made.status).toBe(201);
  return made.body.id;
}

function anAccount(username: string, body: object = {}): Promise<ApiAnswer> {
  return api.call('POST', ACCOUNTS, { key: acme.admin, body: { username, ...body } });
}

describe('a space', () => {
  it('is made with a quota and a ledger, renamed and resized under If-Match', async () => {
    const made = await api.call('POST', SPACES, { key: acme.admin, body: { name: 'photos', quota: { bytes: 100 } } });
    expect([made.status, made.headers.get('etag')]).toEqual([201, '"1"']);
    expect(made.body).toMatchObject({
      name: 'photos',
      quota: { bytes: 100, files: null },
      usage: { bytes: 0, files: 0, reservedBytes: 0, stagedBytes: 0 },
      mounts: 0,
      removing: false,
    });
    const path = `${SPACES}/${made.body.id}`;
    expect((await api.call('POST', SPACES, { body: { name: 'photos' } })).body.code).toBe('space.name-taken');
    const patched = await api.call('PATCH', path, {
      body: { name: 'pictures', quota: { files: 7 } },
      headers: { 'if-match': '"1"' },
    });
    expect(patched.body).toMatchObject({ name: 'pictures', quota: { bytes: 100, files: 7 }, version: 2 });
    const ledger = await api.database.prisma.quotaLedger.findUniqueOrThrow({ where: { id: made.body.id } });
    expect(ledger).toMatchObject({ kind: 'space', bytesLimit: 100n, filesLimit: 7n });
    expect((await api.call('PATCH', path, { body: {}, headers: { 'if-match': '"1"' } })).status).toBe(412);
    expect((await api.call('PATCH', path, { key: acme.viewer, body: { name: 'x' } })).status).toBe(403);
  });

  it('goes when it is empty, and with its files only when told so', async () => {
    const id = await aSpace('full');
    await api.database.pool.query('UPDATE quota_ledger SET bytes_used = 5, files_used = 1 WHERE id = $1', [id]);
    const refused = await api.call('DELETE', `${SPACES}/${id}`);
    expect([refused.status, refused.body.code]).toEqual([409, 'space.not-empty']);
    const removed = await api.call('DELETE', `${SPACES}/${id}?files=delete`);
    expect([removed.status, removed.body.removing]).toEqual([202, true]);
    expect((await anAccount('late', { space: id })).body.code).toBe('space.not-found');
    expect((await api.call('PATCH', `${SPACES}/${id}`, { body: { name: 'x' } })).status).toBe(404);
    const empty = await aSpace('empty');
    expect((await api.call('DELETE', `${SPACES}/${empty}`, { key: acme.admin })).status).toBe(202);
  });

  it('is not mounted and removed at the same moment', async () => {
    for (let round = 0; round < 5; round++) {
      const id = await aSpace(`race${round}`);
      const [account, removed] = await Promise.all([
        anAccount(`race${round}`, { space: id }),
        api.call('DELETE', `${SPACES}/${id}`),
      ]);
      const outcome = [account.status, removed.status].join(' ');
      expect(['201 409', '404 202']).toContain(outcome);
    }
  });

  it('counts into the usage of the tenant, space by space', async () => {
    const roomy = await aTenant(api, 'roomy');
    const { body: space } = await api.call('POST', '/v1/tenants/roomy/spaces', { body: { name: 'one' } });
    await api.database.pool.query('UPDATE quota_ledger SET bytes_used = 9, files_used = 2 WHERE id = ANY($1)', [
      [space.id, roomy.id],
    ]);
    const { status, body } = await api.call('GET', '/v1/tenants/roomy/usage', { key: roomy.viewer });
    expect(status).toBe(200);
    expect(body.usage).toEqual({ bytes: 9, files: 2, accounts: 0, reservedBytes: 0 });
    expect(body.limits).toEqual({ bytes: null, files: null, accounts: null });
    expect(body.items).toEqual([
      {
        id: space.id,
        name: 'one',
        quota: { bytes: null, files: null },
        usage: { bytes: 9, files: 2, reservedBytes: 0, stagedBytes: 0 },
        removing: false,
      },
    ]);
    expect(body.nextCursor).toBeNull();
  });
});

describe('an account', () => {
  it('shares a space with another one, and either shows its quota', async () => {
    const space = await aSpace('shared', { bytes: 50 });
    const first = await anAccount('first', { space });
    const second = await anAccount('second', { space });
    for (const { status, body } of [first, second]) {
      expect([status, body.space, body.quota]).toEqual([201, space, { bytes: 50, files: null }]);
    }
    await api.call('PATCH', `${SPACES}/${space}`, { body: { quota: { bytes: 60 } } });
    expect((await api.call('GET', `${ACCOUNTS}/first`)).body).toMatchObject({ quota: { bytes: 60 }, version: 2 });
    await api.call('PATCH', `${ACCOUNTS}/second`, { body: { quota: { bytes: 70 } } });
    expect((await api.call('GET', `${SPACES}/${space}`)).body).toMatchObject({
      quota: { bytes: 70 },
      mounts: 2,
      version: 3,
    });
    expect((await api.call('DELETE', `${ACCOUNTS}/first?files=delete`)).body.files).toBe('shared');
    expect((await api.call('DELETE', `${SPACES}/${space}?files=delete`)).body.code).toBe('space.in-use');
  });

  it('is made with a view of several spaces, and no space of its own', async () => {
    const [a, b] = [await aSpace('view-a'), await aSpace('view-b')];
    const mounts = [
      { space: a, path: '/a', permissions: ['download', 'list', 'list'] },
      { space: b, path: '/b/', subpath: '/inner' },
    ];
    const made = await anAccount('viewer', { mounts });
    expect([made.status, made.body.space]).toEqual([201, null]);
    const { body } = await api.call('GET', `${ACCOUNTS}/viewer/mounts`, { key: acme.viewer });
    expect(body.items).toMatchObject([
      { space: a, spaceName: 'view-a', path: '/a', subpath: '/', permissions: ['list', 'download'], version: 1 },
      { space: b, path: '/b', subpath: '/inner' },
    ]);
    expect(body.items[1].permissions).toHaveLength(11);
    const quota = await api.call('PATCH', `${ACCOUNTS}/viewer`, { body: { quota: { bytes: 5 } } });
    expect([quota.status, quota.body.errors[0].field]).toEqual([400, 'quota']);
    expect((await api.call('PATCH', `${ACCOUNTS}/viewer`, { body: { statusText: 'fine' } })).status).toBe(200);
  });

  it('is not made with clashing, foreign or overlapping spaces', async () => {
    const space = await aSpace('clash');
    await aTenant(api, 'foreign');
    const { body: foreign } = await api.call('POST', '/v1/tenants/foreign/spaces', { body: { name: 'theirs' } });
    for (const [code, body] of [
      ['request.invalid', { space, mounts: [{ space, path: '/' }] }],
      ['request.invalid', { space, quota: { bytes: 1 } }],
      ['request.invalid', { mounts: [] }],
      ['space.not-found', { space: foreign.id }],
      ['space.not-found', { mounts: [{ space: foreign.id, path: '/x' }] }],
      ['mount.overlap', { mounts: [{ space, path: '/' }, { space, path: '/x' }] }], // prettier-ignore
      ['mount.path-taken', { mounts: [{ space, path: '/x' }, { space, path: '/x/' }] }], // prettier-ignore
    ] as const) {
      const answer = await anAccount('clash', body);
      expect([body, answer.body.code]).toEqual([body, code]);
    }
    expect((await api.call('GET', `${ACCOUNTS}/clash`)).status).toBe(404);
  });
});

describe('a mount', () => {
  it('is added, changed and taken away, and counts the account up', async () => {
    await anAccount('mounted');
    const path = `${ACCOUNTS}/mounted/mounts`;
    const space = await aSpace('added');
    const made = await api.call('POST', path, { key: acme.admin, body: { space, path: '/shared' } });
    expect([made.status, made.headers.get('etag'), made.body.path]).toEqual([201, '"1"', '/shared']);
    expect((await api.call('GET', `${ACCOUNTS}/mounted`)).body.version).toBe(2);
    const patched = await api.call('PATCH', `${path}/${made.body.id}`, {
      body: { permissions: ['list'], subpath: '/public' },
      headers: { 'if-match': '"1"' },
    });
    expect(patched.body).toMatchObject({ path: '/shared', subpath: '/public', permissions: ['list'], version: 2 });
    expect(
      (await api.call('PATCH', `${path}/${made.body.id}`, { body: { permissions: null } })).body.permissions,
    ).toHaveLength(11);
    const stale = await api.call('DELETE', `${path}/${made.body.id}`, { headers: { 'if-match': '"1"' } });
    expect(stale.status).toBe(412);
    expect((await api.call('DELETE', `${path}/${made.body.id}`, { key: acme.admin })).status).toBe(204);
    expect((await api.call('GET', `${path}/${made.body.id}`)).body.code).toBe('mount.not-found');
    expect((await api.call('GET', path)).body.items).toHaveLength(1);
  });

  it.each([
    ['relative', 'path'],
    ['/a/../b', 'path'],
    ['/a/./b', 'path'],
    ['/a\nb', 'path'],
    [`/${'x'.repeat(300)}`, 'path'],
  ])('is not put at %j', async (at, field) => {
    await anAccount('paths');
    const space = await aSpace(`paths ${Math.random()}`);
    const answer = await api.call('POST', `${ACCOUNTS}/paths/mounts`, { body: { space, path: at } });
    expect([answer.status, answer.body.errors[0].field]).toEqual([400, field]);
  });

  it('is never one of two at a path, also when both come at once', async () => {
    await anAccount('twice');
    const spaces = await Promise.all(['t1', 't2', 't3', 't4'].map((name) => aSpace(name)));
    const answers = await Promise.all(
      spaces.map((space) => api.call('POST', `${ACCOUNTS}/twice/mounts`, { body: { space, path: '/x' } })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.code === 'mount.path-taken')).toHaveLength(3);
    const both = await Promise.all(
      ['/y', '/z'].map((at) => api.call('POST', `${ACCOUNTS}/twice/mounts`, { body: { space: spaces[0], path: at } })),
    );
    expect(both.filter(({ status }) => status === 201).length).toBeLessThan(2);
  });
});
