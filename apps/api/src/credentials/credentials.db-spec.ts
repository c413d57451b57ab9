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
const IMPORTED = '{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0';

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

async function anAccount(username: string, body: object = {}): Promise<string> {
  const made = await api.call('POST', ACCOUNTS, { key: acme.admin, body: { username, ...body } });
  expect(made.status).toBe(201);
  return `${ACCOUNTS}/${username}/credentials`;
}

async function hashOf(id: string): Promise<string> {
  return (await api.database.prisma.credential.findUniqueOrThrow({ where: { id } })).hash;
}

describe('an extra password', () => {
  it('is generated and shown once, with its restrictions', async () => {
    const path = await anAccount('once');
    const made = await api.call('POST', path, {
      key: acme.admin,
      body: {
        label: 'Backup',
        expiresAt: '2040-01-01T02:00:00+02:00',
        addresses: ['192.0.2.0/24', '2001:db8::1'],
        pathPrefix: '/backup/',
        readOnly: true,
        tlsOnly: true,
      },
    });
    expect([made.status, made.headers.get('etag')]).toEqual([201, '"1"']);
    expect(made.body).toEqual({
      id: expect.any(String),
      label: 'Backup',
      scheme: 'bcrypt',
      expiresAt: '2040-01-01T00:00:00.000Z',
      addresses: ['192.0.2.0/24', '2001:db8::1'],
      pathPrefix: '/backup',
      readOnly: true,
      tlsOnly: true,
      exposedInClear: false,
      lastUsedAt: null,
      lastUsedAddress: null,
      version: 1,
      createdAt: expect.any(String),
      password: expect.stringMatching(/^\w{20}$/),
    });
    expect(await new PasswordHasher({ cost: 4 }).verify(made.body.password, await hashOf(made.body.id))).toBe(true);
    const { password, ...shown } = made.body;
    expect((await api.call('GET', `${path}/${made.body.id}`, { key: acme.viewer })).body).toEqual(shown);
    const list = await api.call('GET', path, { key: acme.viewer });
    expect(list.body.items.map(({ label }: { label: string | null }) => label)).toEqual([null, 'Backup']);
    const { rows } = await api.database.pool.query(
      'SELECT (SELECT json_agg(a) FROM audit_entry a)::text || (SELECT json_agg(o) FROM outbox o)::text AS text',
    );
    expect(rows[0].text).toContain('credential.create');
    for (const secret of [password, await hashOf(made.body.id)]) expect(rows[0].text).not.toContain(secret);
  });

  it('has a label of its own, in any case, and restrictions that are checked', async () => {
    const path = await anAccount('labels');
    const create = (body: object): Promise<ApiAnswer> => api.call('POST', path, { body });
    expect((await create({ label: 'Script' })).status).toBe(201);
    expect((await create({ label: 'SCRIPT' })).body.code).toBe('credential.label-taken');
    for (const [field, body] of [
      ['label', {}],
      ['addresses.0', { label: 'x', addresses: ['everywhere'] }],
      ['pathPrefix', { label: 'x', pathPrefix: 'relative' }],
      ['pathPrefix', { label: 'x', pathPrefix: '/a/../b' }],
      ['password', { label: 'x', password: 'short' }],
      ['hash', { label: 'x', hash: 'x' }],
    ] as const) {
      const answer = await create(body);
      expect([field, answer.status, answer.body.errors?.[0].field]).toEqual([field, 400, field]);
    }
  });

  it('is patched without a new secret unless one is given', async () => {
    const path = await anAccount('patched');
    const { body } = await api.call('POST', path, { body: { label: 'old', readOnly: true } });
    const version = async (): Promise<number> =>
      (await api.database.prisma.credential.findUniqueOrThrow({ where: { id: body.id } })).version;
    const patched = await api.call('PATCH', `${path}/${body.id}`, {
      key: acme.admin,
      body: { label: 'new', readOnly: null, addresses: ['::1'] },
      headers: { 'if-match': '"1"' },
    });
    expect(patched.body).toMatchObject({ label: 'new', readOnly: false, addresses: ['::1'], version: 2 });
    // The version is what sessions hang on: they go on.
    expect(await version()).toBe(1);
    const secret = await api.call('PATCH', `${path}/${body.id}`, { body: { password: 'another-good-one' } });
    expect([secret.body.version, secret.body.password, await version()]).toEqual([3, undefined, 2]);
    const stale = await api.call('PATCH', `${path}/${body.id}`, {
      body: { label: 'x' },
      headers: { 'if-match': '"2"' },
    });
    expect(stale.status).toBe(412);
    expect((await api.call('PATCH', `${path}/${body.id}`, { body: { label: null } })).status).toBe(400);
  });

  it('is removed, and the main one is not', async () => {
    const path = await anAccount('removed');
    const { body } = await api.call('POST', path, { body: { label: 'extra' } });
    const main = (await api.call('GET', path)).body.items[0];
    const refused = await api.call('DELETE', `${path}/${main.id}`);
    expect([refused.status, refused.body.code]).toEqual([409, 'credential.required']);
    expect((await api.call('PATCH', `${path}/${main.id}`, { body: { label: 'x' } })).status).toBe(400);
    expect((await api.call('PATCH', `${path}/${main.id}`, { body: { tlsOnly: true } })).body.tlsOnly).toBe(true);
    expect((await api.call('DELETE', `${path}/${body.id}`, { key: acme.admin })).status).toBe(204);
    expect((await api.call('GET', `${path}/${body.id}`)).body.code).toBe('credential.not-found');
  });

  it('is one of a limited number, also under concurrent creations', async () => {
    const path = await anAccount('many');
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, n) =>
        api.call('POST', path, { body: { label: `p${n}`, password: 'good-password' } }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(19);
    expect(answers.filter(({ body }) => body.code === 'credential.limit')).toHaveLength(5);
  });
});

describe('an imported hash', () => {
  it('takes the place of a password on creation and in a patch, and is never shown', async () => {
    const made = await api.call('POST', ACCOUNTS, {
      key: acme.admin,
      body: { username: 'imported', passwordHash: IMPORTED },
    });
    expect([made.status, made.body.password]).toEqual([201, undefined]);
    const { body: before } = await api.call('GET', `${ACCOUNTS}/imported/credentials`);
    expect(before.items[0].scheme).toBe('salted-sha1');
    expect(await hashOf(before.items[0].id)).toBe(IMPORTED);
    const bcrypt = '$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2';
    const patched = await api.call('PATCH', `${ACCOUNTS}/imported`, {
      key: acme.admin,
      body: { passwordHash: bcrypt },
    });
    expect([patched.status, patched.body.version]).toEqual([200, 2]);
    expect(await hashOf(before.items[0].id)).toBe(bcrypt);
    const { rows } = await api.database.pool.query('SELECT json_agg(a)::text AS text FROM audit_entry a');
    for (const hash of [IMPORTED, bcrypt]) {
      expect(JSON.stringify([made.body, patched.body, rows])).not.toContain(hash);
    }
  });

  it('of no known form, of an absurd cost or beside a password is refused', async () => {
    for (const body of [
      { passwordHash: 'plain text' },
      { passwordHash: '$2b$31$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2' },
      { passwordHash: IMPORTED, password: 'good-password' },
    ]) {
      const answer = await api.call('POST', ACCOUNTS, { body: { username: 'refused', ...body } });
      expect([answer.status, answer.body.errors[0].field]).toEqual([400, 'passwordHash']);
      expect(JSON.stringify(answer.body)).not.toContain(body.passwordHash);
    }
  });
});
