import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'node:http';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi } from '../testing/api-fixture.js';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
  await aTenant(api, 'acme');
  await api.call('POST', '/v1/tenants/acme/accounts', { body: { username: 'web', password: 'good-password' } });
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

const TENANTS = '/v1/tenants';
const ACCOUNTS = '/v1/tenants/acme/accounts';

describe('bad input', () => {
  it.each<[string, string, string, unknown, number, string, string[]]>([
    ['nothing', 'POST', TENANTS, undefined, 400, 'request.invalid', ['slug', 'name']],
    ['null', 'POST', TENANTS, null, 400, 'request.invalid', ['']],
    ['a list', 'POST', TENANTS, [], 400, 'request.invalid', ['']],
    ['a number', 'POST', TENANTS, 3, 400, 'request.invalid', ['']],
    ['an unknown field', 'POST', TENANTS, { slug: 'a', name: 'A', colour: 1 }, 400, 'request.invalid', ['colour']],
    [
      'an unknown nested field',
      'POST',
      TENANTS,
      { slug: 'a', name: 'A', limits: { byte: 1 } },
      400,
      'request.invalid',
      ['limits.byte'],
    ],
    [
      '__proto__',
      'POST',
      TENANTS,
      JSON.parse('{"slug":"aa","name":"A","__proto__":{"x":1},"constructor":{"x":1}}'),
      400,
      'request.invalid',
      ['__proto__', 'constructor'],
    ],
    ['an upper-case slug', 'POST', TENANTS, { slug: 'Acme', name: 'A' }, 400, 'request.invalid', ['slug']],
    ['a slug with a dot', 'POST', TENANTS, { slug: 'a.b', name: 'A' }, 400, 'request.invalid', ['slug']],
    ['a slug of 64 characters', 'POST', TENANTS, { slug: 'a'.repeat(64), name: 'A' }, 400, 'request.invalid', ['slug']],
    [
      'a slug like an id',
      'POST',
      TENANTS,
      { slug: '01900000-0000-7000-8000-000000000000', name: 'A' },
      400,
      'request.invalid',
      ['slug'],
    ],
    ['an empty name', 'POST', TENANTS, { slug: 'a', name: '  ' }, 400, 'request.invalid', ['name']],
    ['a name with a line break', 'POST', TENANTS, { slug: 'a', name: 'a\nb' }, 400, 'request.invalid', ['name']],
    [
      'no such time zone',
      'POST',
      TENANTS,
      { slug: 'a', name: 'A', timeZone: 'Mars/Olympus' },
      400,
      'request.invalid',
      ['timeZone'],
    ],
    ['a slug in use', 'POST', TENANTS, { slug: 'acme', name: 'A' }, 409, 'tenant.slug-taken', []],
    [
      'no such policy',
      'POST',
      TENANTS,
      { slug: 'pol', name: 'A', policy: '01900000-0000-7000-8000-000000000000' },
      404,
      'policy.not-found',
      [],
    ],
    [
      'negative bytes',
      'POST',
      ACCOUNTS,
      { username: 'a', quota: { bytes: -1 } },
      400,
      'request.invalid',
      ['quota.bytes'],
    ],
    [
      'half a byte',
      'POST',
      ACCOUNTS,
      { username: 'a', quota: { bytes: 1.5 } },
      400,
      'request.invalid',
      ['quota.bytes'],
    ],
    [
      '2^53 bytes',
      'POST',
      ACCOUNTS,
      { username: 'a', quota: { bytes: 2 ** 53 } },
      400,
      'request.invalid',
      ['quota.bytes'],
    ],
    [
      'bytes as text',
      'POST',
      ACCOUNTS,
      { username: 'a', quota: { bytes: '1' } },
      400,
      'request.invalid',
      ['quota.bytes'],
    ],
    [
      'a short password',
      'POST',
      ACCOUNTS,
      { username: 'a', password: 'seven77' },
      400,
      'request.invalid',
      ['password'],
    ],
    [
      '73 bytes of password',
      'POST',
      ACCOUNTS,
      { username: 'a', password: 'x'.repeat(73) },
      400,
      'request.invalid',
      ['password'],
    ],
    [
      '74 bytes in 37 characters',
      'POST',
      ACCOUNTS,
      { username: 'a', password: 'ä'.repeat(37) },
      400,
      'request.invalid',
      ['password'],
    ],
    [
      'a password with CR',
      'POST',
      ACCOUNTS,
      { username: 'a', password: 'good\rpassword' },
      400,
      'request.invalid',
      ['password'],
    ],
    ['a user name with @', 'POST', ACCOUNTS, { username: 'a@b' }, 400, 'request.invalid', ['username']],
    [
      'a user name like an id',
      'POST',
      ACCOUNTS,
      { username: '01900000-0000-7000-8000-00000000000A' },
      400,
      'request.invalid',
      ['username'],
    ],
    ['a user name in use, in other case', 'POST', ACCOUNTS, { username: 'WEB' }, 409, 'account.username-taken', []],
    ['half a surrogate pair', 'POST', TENANTS, { slug: 'half', name: 'a\ud800' }, 400, 'request.invalid', ['name']],
    ['no date', 'POST', ACCOUNTS, { username: 'a', expiresAt: 'tomorrow' }, 400, 'request.invalid', ['expiresAt']],
    ['no such tenant', 'POST', '/v1/tenants/nobody/accounts', { username: 'a' }, 404, 'tenant.not-found', []],
    ['a field of another action', 'POST', `${ACCOUNTS}/web/suspend`, { cause: 'x' }, 400, 'request.invalid', ['cause']],
    [
      'a field where none is taken',
      'POST',
      `${ACCOUNTS}/web/resume`,
      { reason: 'x' },
      400,
      'request.invalid',
      ['reason'],
    ],
    ['a required field removed', 'PATCH', `${ACCOUNTS}/web`, { username: null }, 400, 'request.invalid', ['username']],
    [
      'a role that a tenant has not',
      'POST',
      '/v1/tenants/acme/api-keys',
      { name: 'x', role: 'platform-admin' },
      400,
      'request.invalid',
      ['role'],
    ],
    [
      'an expiry in the past',
      'POST',
      '/v1/tenants/acme/api-keys',
      { name: 'x', role: 'tenant-viewer', expiresAt: '2020-01-01T00:00:00Z' },
      400,
      'request.invalid',
      ['expiresAt'],
    ],
    ['limit 0', 'GET', `${TENANTS}?limit=0`, undefined, 400, 'request.invalid', ['limit']],
    ['limit 201', 'GET', `${TENANTS}?limit=201`, undefined, 400, 'request.invalid', ['limit']],
    ['limit x', 'GET', `${TENANTS}?limit=x`, undefined, 400, 'request.invalid', ['limit']],
    ['an unknown filter', 'GET', `${ACCOUNTS}?colour=red`, undefined, 400, 'request.invalid', ['colour']],
    [
      'a filter twice',
      'GET',
      `${ACCOUNTS}?status=active&status=suspended`,
      undefined,
      400,
      'request.invalid',
      ['status'],
    ],
    ['an unknown sort', 'GET', `${ACCOUNTS}?sort=password`, undefined, 400, 'request.invalid', ['sort']],
    ['a broken cursor', 'GET', `${ACCOUNTS}?cursor=AAAA`, undefined, 400, 'cursor.invalid', []],
    [
      'a time without zone',
      'GET',
      '/v1/tenants/acme/transfers?from=2026-01-01T00:00:00',
      undefined,
      400,
      'request.invalid',
      ['from'],
    ],
    ['an account that is not there', 'GET', `${ACCOUNTS}/nobody`, undefined, 404, 'account.not-found', []],
    ['a key id that is none', 'GET', '/v1/tenants/acme/api-keys/x', undefined, 404, 'api-key.not-found', []],
    ['a session id that is none', 'DELETE', '/v1/tenants/acme/sessions/x', undefined, 404, 'session.not-found', []],
    ['a space id that is none', 'GET', '/v1/tenants/acme/spaces/x', undefined, 404, 'space.not-found', []],
    ['NUL in a name', 'GET', `${ACCOUNTS}/a%00b`, undefined, 400, 'request.invalid', []],
    ['broken percent-encoding', 'GET', `${ACCOUNTS}/%E0%A4%A`, undefined, 400, 'request.invalid', []],
  ])('%s (%s %s)', async (_, method, path, body, status, code, fields) => {
    const answer = await api.call(method, path, { body });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body.errors?.map((fault: { field: string }) => fault.field) ?? []).toEqual(fields);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(JSON.stringify(answer.body)).not.toMatch(/node_modules|prisma|SELECT|at \w+ \(/i);
  });

  it('leaves nothing half created', async () => {
    const accounts = await api.database.prisma.account.count();
    const spaces = await api.database.prisma.space.count();
    const tenants = await api.database.prisma.tenant.count();
    expect({ accounts, spaces, tenants }).toEqual({ accounts: 1, spaces: 1, tenants: 1 });
    expect(await api.database.prisma.quotaLedger.count()).toBe(2);
  });
});

describe('requests that are not well formed', () => {
  it.each<[string, Record<string, string>, string, number, string]>([
    ['broken JSON', {}, '{"slug":', 400, 'request.malformed'],
    ['text', { 'content-type': 'text/plain' }, 'slug=a', 415, 'request.unsupported-media-type'],
    [
      'a form',
      { 'content-type': 'application/x-www-form-urlencoded' },
      'slug=a',
      415,
      'request.unsupported-media-type',
    ],
    [
      'a merge patch where nothing is patched',
      { 'content-type': 'application/merge-patch+json' },
      '{}',
      415,
      'request.unsupported-media-type',
    ],
    ['compressed JSON', { 'content-encoding': 'gzip' }, '{}', 415, 'request.unsupported-media-type'],
    [
      'another charset',
      { 'content-type': 'application/json; charset=iso-8859-1' },
      '{}',
      415,
      'request.unsupported-media-type',
    ],
    ['more than 1 MiB', {}, JSON.stringify({ slug: 'a', name: 'x'.repeat(1024 * 1024) }), 413, 'request.too-large'],
  ])('%s', async (_, headers, raw, status, code) => {
    const answer = await api.call('POST', '/v1/tenants', { raw, headers });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('refuses a body without a content type', async () => {
    const status = await new Promise((resolve, reject) => {
      const url = new URL('/v1/tenants', api.url);
      const sent = request(url, { method: 'POST', headers: { authorization: `Bearer ${api.adminKey}` } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      sent.on('error', reject).end('{}');
    });
    expect(status).toBe(415);
  });

  it('tells an unknown address from a method that an address does not take', async () => {
    const nowhere = await api.call('GET', '/v1/nowhere');
    expect([nowhere.status, nowhere.body.code]).toEqual([404, 'request.unknown-route']);
    const put = await api.call('PUT', '/v1/tenants/acme', { body: {} });
    expect([put.status, put.body.code]).toEqual([405, 'request.method-not-allowed']);
    expect(put.headers.get('allow')).toBe('DELETE, GET, HEAD, PATCH');
  });
});

describe('every answer', () => {
  it('says that nothing may store, sniff or frame it, and not what made it', async () => {
    for (const path of ['/v1/tenants', '/v1/nowhere', '/health/live']) {
      const { headers } = await api.call('GET', path);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });
});

describe('what needs no key', () => {
  it('health, metrics, the document and its reader', async () => {
    expect((await api.call('GET', '/health/live', { key: null })).body).toEqual({ status: 'ok' });
    expect((await api.call('GET', '/health/ready', { key: null })).body).toEqual({ status: 'ok' });
    const metrics = await api.call('GET', '/metrics', { key: null });
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(metrics.body).toMatch(/^quayside_http_request_seconds_count{[^}]*status="4xx"[^}]*} [1-9]/m);
    const document = await api.call('GET', '/openapi.json', { key: null });
    expect(document.body.openapi).toBe('3.1.0');
    const page = await api.call('GET', '/docs', { key: null });
    expect(page.status).toBe(200);
    const { body: problem } = await api.call('GET', '/v1/nowhere', { key: null });
    const meaning = await api.call('GET', problem.type, { key: null });
    expect([meaning.status, meaning.body]).toEqual([200, expect.stringContaining('`request.unknown-route`')]);
    expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });
});
