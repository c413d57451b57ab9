import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FtpSessionsRepository } from '@quayside/database';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi, type TenantFixture } from '../testing/api-fixture.js';

let api: ApiFixture;
let acme: TenantFixture;
let platformPolicy: string;
let tenantPolicy: string;
let accountPolicy: string;
const ACCOUNT = '/v1/tenants/acme/accounts/web';

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
  const make = async (path: string, body: object): Promise<string> => (await api.call('POST', path, { body })).body.id;
  platformPolicy = await make('/v1/policies', {
    name: 'house',
    isPlatformDefault: true,
    rules: { names: { deny: ['*.exe'] }, addresses: { deny: ['198.51.100.0/24'] } },
  });
  tenantPolicy = await make('/v1/tenants/acme/policies', {
    name: 'tenant',
    rules: {
      paths: [{ path: '/locked/**', deny: ['delete'] }],
      times: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00', timeZone: 'Europe/Berlin' }],
    },
  });
  accountPolicy = await make('/v1/tenants/acme/policies', {
    name: 'account',
    rules: { protocols: { tls: 'required' } },
  });
  await api.call('PATCH', '/v1/tenants/acme', { body: { policy: tenantPolicy } });
  await api.call('POST', '/v1/tenants/acme/accounts', { body: { username: 'web', policy: accountPolicy } });
  await api.call('POST', `${ACCOUNT}/credentials`, {
    body: { label: 'Reader', readOnly: true, pathPrefix: '/docs', addresses: ['192.0.2.0/24'] },
  });
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

const WEDNESDAY_NOON = '2026-07-01T12:00:00+02:00';

interface Explained {
  readonly allowed: boolean;
  readonly code: string | null;
  readonly rule: { readonly rule: string } | null;
}

async function explain(body: object): Promise<Explained> {
  const visit = { address: '192.0.2.7', protocol: 'ftps', at: WEDNESDAY_NOON };
  const answer = await api.call('POST', `${ACCOUNT}/explain`, { key: acme.viewer, body: { ...visit, ...body } });
  expect(answer.status).toBe(200);
  return answer.body;
}

describe('explain', () => {
  it('allows what nothing refuses, with the reply of the command', async () => {
    expect(await explain({ operation: 'login' })).toEqual({
      allowed: true,
      code: null,
      rule: null,
      reply: { code: 230, text: 'Logged in' },
    });
    expect(await explain({ operation: 'mkdir', path: '/new' })).toMatchObject({ allowed: true, reply: { code: 257 } });
  });

  it('names the policy that decides, wherever it comes from', async () => {
    expect(await explain({ operation: 'upload', path: '/a/b.EXE' })).toEqual({
      allowed: false,
      code: 'path.name-refused',
      rule: { source: 'platform', policyId: platformPolicy, rule: expect.stringContaining('*.exe') },
      reply: { code: 553, text: 'File name not allowed' },
    });
    expect(await explain({ operation: 'delete', path: '/locked/x/y' })).toMatchObject({
      code: 'access.denied',
      rule: { source: 'tenant', policyId: tenantPolicy, rule: 'deny delete at /locked/**' },
      reply: { code: 550 },
    });
    expect(await explain({ operation: 'login', protocol: 'ftp' })).toMatchObject({
      code: 'auth.tls-required',
      rule: { source: 'account', policyId: accountPolicy },
      reply: { code: 530, text: 'Authentication failed.' },
    });
    expect(await explain({ operation: 'login', protocol: 'ftp', tls: true })).toMatchObject({ allowed: true });
  });

  it('asks about an address and an hour', async () => {
    expect(await explain({ operation: 'list', path: '/', address: '198.51.100.9' })).toMatchObject({
      code: 'access.address-refused',
      rule: { source: 'platform' },
      reply: { code: 530 },
    });
    expect(await explain({ operation: 'login', address: '::ffff:198.51.100.9' })).toMatchObject({ allowed: false });
    expect(await explain({ operation: 'login', at: '2026-07-01T16:30:00Z' })).toMatchObject({
      code: 'access.time-refused',
      rule: { source: 'tenant', policyId: tenantPolicy },
    });
    expect(await explain({ operation: 'login', at: '2026-01-07T16:30:00Z' })).toMatchObject({ allowed: true });
  });

  it('asks about both ends of a rename, and about paths that cannot be', async () => {
    const rename = { operation: 'rename', path: '/a.txt' };
    expect(await explain({ ...rename, newPath: '/b.exe' })).toMatchObject({ code: 'path.name-refused' });
    expect(await explain({ ...rename, newPath: '/b.txt' })).toMatchObject({ allowed: true, reply: { code: 250 } });
    expect(await explain({ operation: 'upload', path: '/a\u0000b' })).toMatchObject({
      code: 'path.name-refused',
      rule: null,
      reply: { code: 553 },
    });
    expect(await explain({ operation: 'delete', path: '/' })).toMatchObject({ rule: { source: 'mount' } });
  });

  it('holds the limits of a password against the request', async () => {
    const reader = { credential: 'reader' };
    expect(await explain({ ...reader, operation: 'download', path: '/docs/a' })).toMatchObject({ allowed: true });
    for (const request of [
      { operation: 'upload', path: '/docs/a' },
      { operation: 'download', path: '/elsewhere' },
      { operation: 'login', address: '203.0.113.1' },
    ]) {
      expect(await explain({ ...reader, ...request })).toMatchObject({
        allowed: false,
        rule: { source: 'credential' },
      });
    }
    const unknown = await api.call('POST', `${ACCOUNT}/explain`, {
      body: { operation: 'login', credential: 'nobody' },
    });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'credential.not-found']);
  });

  it('follows status and text', async () => {
    await api.call('PATCH', ACCOUNT, { body: { status: 'read_only', statusText: 'Quarter end' } });
    expect(await explain({ operation: 'upload', path: '/x' })).toMatchObject({
      code: 'access.denied',
      rule: { source: 'status' },
      reply: { code: 550, text: 'Quarter end' },
    });
    expect(await explain({ operation: 'download', path: '/x' })).toMatchObject({ allowed: true });
    await api.call('PATCH', '/v1/tenants/acme', { body: { status: 'suspended', statusText: 'Unpaid' } });
    expect(await explain({ operation: 'download', path: '/x' })).toMatchObject({
      code: 'account.suspended',
      reply: { code: 530, text: 'Unpaid' },
    });
    await api.call('POST', '/v1/tenants/acme/resume');
    await api.call('POST', `${ACCOUNT}/resume`);
    expect(await explain({ operation: 'upload', path: '/x' })).toMatchObject({ allowed: true });
  });

  it('knows bans, also of the account from there alone', async () => {
    const address = '192.0.2.99';
    for (const ban of [{ address }, { address, login: 'web@acme' }]) {
      const made = await api.call('POST', '/v1/bans', { body: { ...ban, reason: 'abuse' } });
      const at = new Date().toISOString();
      expect(await explain({ operation: 'download', path: '/x', address, at })).toMatchObject({
        allowed: false,
        code: 'auth.throttled',
        rule: { source: 'ban' },
        reply: { code: 421 },
      });
      await api.call('DELETE', `/v1/bans/${made.body.id}`);
      expect(await explain({ operation: 'login', address })).toMatchObject({ allowed: true });
    }
  });

  it('knows caps of sessions, logins, traffic and size that leave nothing', async () => {
    const edit = (caps: object | null) =>
      api.call('PATCH', `/v1/tenants/acme/policies/${accountPolicy}`, { body: { rules: { caps } } });
    for (const [cap, request, code, reply] of [
      ['sessions', { operation: 'login' }, 'session.limit', 530],
      ['tenantSessions', { operation: 'login' }, 'session.limit', 530],
      ['sessionsPerAddress', { operation: 'login' }, 'session.limit', 530],
      ['loginsPerMinute', { operation: 'login' }, 'session.limit', 530],
      ['monthlyUpload', { operation: 'upload', path: '/x' }, 'quota.traffic', 450],
      ['monthlyDownload', { operation: 'download', path: '/x' }, 'quota.traffic', 450],
      ['monthlyTotal', { operation: 'append', path: '/x' }, 'quota.traffic', 450],
      ['fileSize', { operation: 'overwrite', path: '/x' }, 'quota.file-too-large', 552],
    ] as const) {
      await edit({ [cap]: 0 });
      expect(await explain(request)).toMatchObject({
        code,
        rule: { source: 'account', policyId: accountPolicy, rule: `cap ${cap} 0` },
        reply: { code: reply },
      });
      await edit({ [cap]: 1 });
      expect(await explain(request)).toMatchObject({ allowed: true });
      await edit(null);
    }
  });

  it('knows what a minute of logins and a month of traffic have left', async () => {
    const edit = (caps: object | null) =>
      api.call('PATCH', `/v1/tenants/acme/policies/${accountPolicy}`, { body: { rules: { caps } } });
    const { body: account } = await api.call('GET', ACCOUNT);
    const { body: tenant } = await api.call('GET', '/v1/tenants/acme');
    await edit({ loginsPerMinute: 2 });
    const sessions = new FtpSessionsRepository(api.testDatabase.open('quayside_worker', 1));
    expect(await sessions.takeLogin(account.id, 2)).toBe(true);
    expect(await explain({ operation: 'login' })).toMatchObject({ allowed: true });
    expect(await sessions.takeLogin(account.id, 2)).toBe(true);
    const spent = { code: 'session.limit', rule: { rule: 'cap loginsPerMinute 2' }, reply: { code: 530 } };
    expect(await explain({ operation: 'login' })).toMatchObject(spent);
    // Asking takes nothing, and a minute gives all of it back.
    await api.database.pool.query(`UPDATE login_rate SET at = at - interval '1 minute' WHERE account_id = $1`, [
      account.id,
    ]);
    expect(await explain({ operation: 'login' })).toMatchObject({ allowed: true });
    await api.database.pool.query(
      `INSERT INTO usage_hourly (tenant_id, account_id, hour, bytes_up, bytes_down) VALUES ($1, $2, date_trunc('hour', now()), 60, 40)`,
      [tenant.id, account.id],
    );
    for (const [caps, operation, cap] of [
      [{ monthlyUpload: 60 }, 'upload', 'monthlyUpload 60'],
      [{ monthlyUpload: 61 }, 'upload', null],
      [{ monthlyUpload: 60 }, 'download', null],
      [{ monthlyDownload: 40 }, 'download', 'monthlyDownload 40'],
      [{ monthlyUpload: 61, monthlyTotal: 100 }, 'overwrite', 'monthlyTotal 100'],
      [{ monthlyTotal: 101 }, 'append', null],
    ] as const) {
      await edit({ ...caps, loginsPerMinute: null });
      const answer = await explain({ operation, path: '/x' });
      const expected = cap === null ? [null, null] : ['quota.traffic', `cap ${cap}`];
      expect([caps, answer.code, answer.rule?.rule ?? null]).toEqual([caps, ...expected]);
      await edit(null);
    }
  });

  it('knows that a source which an account has used well has more room than the ban of its source', async () => {
    const address = '203.0.113.77';
    const ban = `INSERT INTO login_score (key, kind, login, source, score, at, bans, banned_at, banned_until, expires_at)
      VALUES ($1, 'source', '', $1, $2, now(), 1, now(), now() + interval '1 hour', now() + interval '1 day')
      ON CONFLICT (key) DO UPDATE SET score = excluded.score`;
    const at = new Date().toISOString();
    await api.database.pool.query(ban, [address, 20]);
    expect(await explain({ operation: 'mkdir', path: '/n', address, at })).toMatchObject({ code: 'auth.throttled' });
    await api.database.pool.query(`INSERT INTO login_known_good (login, source, at) VALUES ('web@acme', $1, now())`, [
      address,
    ]);
    expect(await explain({ operation: 'mkdir', path: '/n', address, at })).not.toMatchObject({
      code: 'auth.throttled',
    });
    await api.database.pool.query(ban, [address, 1_000_000]);
    expect(await explain({ operation: 'mkdir', path: '/n', address, at })).toMatchObject({ code: 'auth.throttled' });
  });

  it('knows a full space and a full tenant', async () => {
    const upload = { operation: 'upload', path: '/x' };
    for (const [path, body, source] of [
      [ACCOUNT, { quota: { files: 0 } }, 'space'],
      [ACCOUNT, { quota: { bytes: 0, files: null } }, 'space'],
    ] as const) {
      await api.call('PATCH', path, { body });
      expect(await explain(upload)).toMatchObject({
        code: 'quota.exceeded',
        rule: { source },
        reply: { code: 552, text: 'Quota exceeded' },
      });
    }
    expect(await explain({ operation: 'overwrite', path: '/x' })).toMatchObject({ allowed: true });
    await api.call('PATCH', ACCOUNT, { body: { quota: null } });
    await api.call('PATCH', '/v1/tenants/acme', { body: { limits: { bytes: 0 } } });
    expect(await explain(upload)).toMatchObject({ code: 'quota.exceeded', rule: { source: 'tenant' } });
    await api.call('PATCH', '/v1/tenants/acme', { body: { limits: { bytes: null } } });
    expect(await explain(upload)).toMatchObject({ allowed: true });
  });

  it('refuses a question without sense, by field', async () => {
    for (const [field, body] of [
      ['operation', { operation: 'fly' }],
      ['path', { operation: 'upload' }],
      ['newPath', { operation: 'upload', path: '/', newPath: '/x' }],
      ['tls', { operation: 'login', protocol: 'ftps', tls: false }],
      ['address', { operation: 'login', address: '192.0.2.0/24' }],
      ['at', { operation: 'login', at: 'yesterday' }],
    ] as const) {
      const answer = await api.call('POST', `${ACCOUNT}/explain`, { body });
      expect([field, answer.status, answer.body.errors?.[0].field]).toEqual([field, 400, field]);
    }
  });
});
