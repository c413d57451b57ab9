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
let other: TenantFixture;
const OWN = '/v1/tenants/acme/policies';
const PLATFORM = '/v1/policies';

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
  other = await aTenant(api, 'other');
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

function make(name: string, rules: object = {}, path = OWN): Promise<ApiAnswer> {
  return api.call('POST', path, { body: { name, rules } });
}

describe('a tenant’s policy', () => {
  it('is made by its admin, read by its viewer, listed by name in pages', async () => {
    const rules = { paths: [{ path: '/in', allow: ['upload'] }], caps: { sessions: 3 } };
    const made = await api.call('POST', OWN, { key: acme.admin, body: { name: 'drop box', rules } });
    expect([made.status, made.headers.get('etag')]).toEqual([201, '"1"']);
    expect(made.body).toEqual({
      id: expect.any(String),
      name: 'drop box',
      description: '',
      rules,
      usedBy: { tenants: 0, accounts: 0 },
      version: 1,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    expect(made.headers.get('location')).toBe(`${OWN}/${made.body.id}`);
    expect((await api.call('GET', `${OWN}/${made.body.id}`, { key: acme.viewer })).body).toEqual(made.body);
    expect((await make('drop box')).body.code).toBe('policy.name-taken');
    await make('archive');
    const first = await api.call('GET', `${OWN}?limit=1`, { key: acme.viewer });
    const second = await api.call('GET', `${OWN}?limit=1&cursor=${first.body.nextCursor}`, { key: acme.viewer });
    expect([first.body.items[0].name, second.body.items[0].name]).toEqual(['archive', 'drop box']);
    expect(second.body.nextCursor).toBeNull();
    expect((await api.call('POST', OWN, { key: acme.viewer, body: { name: 'x' } })).status).toBe(403);
  });

  it('has every fault of its rules named by field', async () => {
    const answer = await make('faulty', {
      paths: [{ path: 'relative', allow: ['fly'] }],
      caps: { sessions: -1, unknown: 1 },
      addresses: { deny: ['10.0.0.0/33'] },
      colour: 'red',
    });
    expect([answer.status, answer.body.code]).toEqual([400, 'request.invalid']);
    const fields = answer.body.errors.map(({ field }: { field: string }) => field);
    expect(fields.toSorted()).toEqual([
      'rules.addresses.deny.0',
      'rules.caps.sessions',
      'rules.caps.unknown',
      'rules.colour',
      'rules.paths.0.allow.0',
      'rules.paths.0.path',
    ]);
    expect((await api.call('POST', OWN, { body: { name: 'no rules', rules: 7 } })).body.errors[0].field).toBe('rules');
    expect((await api.call('POST', OWN, { body: { name: 'x', isPlatformDefault: true } })).status).toBe(400);
  });

  it('is patched by merge: parts of the rules stay, null takes one out, the whole is validated', async () => {
    const { body } = await make('patched', { caps: { sessions: 1, fileSize: 5 }, names: { deny: ['*.exe'] } });
    const path = `${OWN}/${body.id}`;
    const patched = await api.call('PATCH', path, {
      body: { rules: { caps: { sessions: 2 }, names: null }, description: 'note' },
      headers: { 'if-match': '"1"' },
    });
    expect(patched.body).toMatchObject({ description: 'note', version: 2 });
    expect(patched.body.rules).toEqual({ caps: { sessions: 2, fileSize: 5 } });
    const stale = await api.call('PATCH', path, { body: { name: 'x' }, headers: { 'if-match': '"1"' } });
    expect(stale.status).toBe(412);
    const faulty = await api.call('PATCH', path, { body: { rules: { caps: { sessions: 'many' } } } });
    expect([faulty.status, faulty.body.errors[0].field]).toEqual([400, 'rules.caps.sessions']);
    expect((await api.call('PATCH', path, { body: { name: 'patched' } })).body.version).toBe(2);
    expect((await api.call('PATCH', path, { body: { rules: null } })).body.rules).toEqual({});
  });

  it('is given to tenant and accounts, and cannot be deleted while anybody has it', async () => {
    const { body: policy } = await make('given');
    const { body: account } = await api.call('POST', '/v1/tenants/acme/accounts', {
      body: { username: 'given', policy: policy.id },
    });
    expect(account.policy).toBe(policy.id);
    const tenant = await api.call('PATCH', '/v1/tenants/acme', { body: { policy: policy.id } });
    expect(tenant.body.policy).toBe(policy.id);
    expect((await api.call('GET', `${OWN}/${policy.id}`)).body.usedBy).toEqual({ tenants: 1, accounts: 1 });
    const refused = await api.call('DELETE', `${OWN}/${policy.id}`);
    expect([refused.status, refused.body.code]).toEqual([409, 'policy.in-use']);
    await api.call('PATCH', '/v1/tenants/acme', { body: { policy: null } });
    await api.call('PATCH', '/v1/tenants/acme/accounts/given', { key: acme.admin, body: { policy: null } });
    const stale = await api.call('DELETE', `${OWN}/${policy.id}`, { headers: { 'if-match': '"9"' } });
    expect(stale.status).toBe(412);
    expect((await api.call('DELETE', `${OWN}/${policy.id}`, { key: acme.admin })).status).toBe(204);
    expect((await api.call('GET', `${OWN}/${policy.id}`)).status).toBe(404);
  });

  it('is nothing that another tenant could use', async () => {
    const { body: theirs } = await api.call('POST', '/v1/tenants/other/policies', {
      key: other.admin,
      body: { name: 'theirs' },
    });
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const answer = await api.call(method, `${OWN}/${theirs.id}`, { key: acme.admin });
      expect([method, answer.status, answer.body.code]).toEqual([method, 404, 'policy.not-found']);
    }
    const account = await api.call('POST', '/v1/tenants/acme/accounts', {
      key: acme.admin,
      body: { username: 'thief', policy: theirs.id },
    });
    expect([account.status, account.body.code]).toEqual([404, 'policy.not-found']);
  });

  it('leaves an audit entry and an event with each change', async () => {
    const { body } = await make('audited');
    await api.call('PATCH', `${OWN}/${body.id}`, { body: { rules: { caps: { sessions: 1 } } } });
    await api.call('DELETE', `${OWN}/${body.id}`);
    const { body: audit } = await api.call('GET', `/v1/audit?resourceId=${body.id}`);
    const actions = audit.items.map(({ action }: { action: string }) => action);
    expect(actions.toSorted()).toEqual(['policy.create', 'policy.delete', 'policy.update']);
    const { rows } = await api.database.pool.query(
      `SELECT count(*) FROM outbox WHERE event -> 'data' ->> 'resourceId' = $1`,
      [body.id],
    );
    expect(rows[0].count).toBe(3);
  });
});

describe('a platform policy', () => {
  it('is for platform admins only', async () => {
    const { body } = await make('house', {}, PLATFORM);
    for (const [method, path] of [
      ['GET', PLATFORM],
      ['POST', PLATFORM],
      ['GET', `${PLATFORM}/${body.id}`],
      ['PATCH', `${PLATFORM}/${body.id}`],
      ['DELETE', `${PLATFORM}/${body.id}`],
      ['POST', `${PLATFORM}/${body.id}/preview`],
    ] as const) {
      const answer = await api.call(method, path, { key: acme.admin, body: method === 'GET' ? undefined : {} });
      expect([method, path, answer.status]).toEqual([method, path, 403]);
    }
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      expect((await api.call(method, `${OWN}/${body.id}`, { key: acme.admin })).status).toBe(404);
    }
  });

  it('is the default alone, also when several become it at once', async () => {
    const made = await Promise.all(['d1', 'd2', 'd3', 'd4'].map((name) => make(name, {}, PLATFORM)));
    const answers = await Promise.all(
      made.map(({ body }) => api.call('PATCH', `${PLATFORM}/${body.id}`, { body: { isPlatformDefault: true } })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { body: list } = await api.call('GET', PLATFORM);
    const defaults = list.items.filter((item: { isPlatformDefault: boolean }) => item.isPlatformDefault);
    expect(defaults).toHaveLength(1);
    const next = await api.call('POST', PLATFORM, { body: { name: 'd5', isPlatformDefault: true } });
    expect([next.status, next.body.isPlatformDefault]).toEqual([201, true]);
    expect((await api.call('GET', `${PLATFORM}/${defaults[0].id}`)).body.isPlatformDefault).toBe(false);
    const refused = await api.call('DELETE', `${PLATFORM}/${next.body.id}`);
    expect([refused.status, refused.body.code]).toEqual([409, 'policy.in-use']);
    await api.call('PATCH', `${PLATFORM}/${next.body.id}`, { body: { isPlatformDefault: false } });
    expect((await api.call('DELETE', `${PLATFORM}/${next.body.id}`)).status).toBe(204);
  });
});

describe('the preview of a policy', () => {
  it('lists the accounts whose answers would change, and changes nothing', async () => {
    const preview = await aTenant(api, 'preview');
    const path = '/v1/tenants/preview/policies';
    const { body: policy } = await make('rules', { names: { deny: ['*.exe'] } }, path);
    for (const username of ['with', 'without']) {
      const body = { username, policy: username === 'with' ? policy.id : null };
      await api.call('POST', '/v1/tenants/preview/accounts', { body });
    }
    const answer = await api.call('POST', `${path}/${policy.id}/preview`, {
      key: preview.admin,
      body: { rules: { names: { deny: ['*.exe', '*.php'] }, caps: { sessions: 4 } } },
    });
    expect([answer.status, answer.body.examined, answer.body.total, answer.body.truncated]).toEqual([200, 1, 1, false]);
    const [account] = answer.body.accounts;
    expect(account.login).toBe('with@preview');
    expect(account.changes).toContainEqual({ what: 'cap', cap: 'sessions', before: null, after: 4 });
    expect(account.changes).toContainEqual({
      what: 'access',
      request: expect.objectContaining({ operation: 'upload', path: expect.stringMatching(/\.php$/) }),
      before: expect.objectContaining({ allowed: true }),
      after: expect.objectContaining({
        allowed: false,
        code: 'path.name-refused',
        rule: expect.objectContaining({ source: 'account', policyId: policy.id }),
      }),
    });
    const same = await api.call('POST', `${path}/${policy.id}/preview`, { body: { rules: policy.rules } });
    expect(same.body).toMatchObject({ accounts: [], examined: 1 });
    expect((await api.call('GET', `${path}/${policy.id}`)).body).toMatchObject({ rules: policy.rules, version: 1 });
    const faulty = await api.call('POST', `${path}/${policy.id}/preview`, { body: { rules: { caps: 1 } } });
    expect([faulty.status, faulty.body.errors[0].field]).toEqual([400, 'rules.caps']);
  });
});
