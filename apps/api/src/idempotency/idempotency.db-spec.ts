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

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

function post(path: string, key: string, body: unknown, apiKey = api.adminKey): Promise<ApiAnswer> {
  return api.call('POST', path, { body, key: apiKey, headers: { 'idempotency-key': key } });
}

describe('Idempotency-Key', () => {
  it('repeats status, body, Location and ETag, with the generated password, and says so', async () => {
    const first = await post(ACCOUNTS, 'one', { username: 'one' });
    const second = await post(ACCOUNTS, 'one', { username: 'one' });
    expect(first.status).toBe(201);
    expect(first.body.password).toHaveLength(20);
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect([second.status, second.body]).toEqual([201, first.body]);
    for (const name of ['location', 'etag', 'content-type']) {
      expect(second.headers.get(name)).toBe(first.headers.get(name));
    }
    expect(await api.database.prisma.account.count({ where: { username: 'one' } })).toBe(1);
  });

  it('keeps the generated password out of the database', async () => {
    const { body } = await post(ACCOUNTS, 'secret', { username: 'secret' });
    const [row] = await api.database.rows<{ response: Buffer }>(
      { name: 'spec-stored', text: `SELECT response FROM idempotency_key WHERE key = 'secret'` },
      [],
    );
    expect(row!.response.length).toBeGreaterThan(100);
    expect(row!.response.includes(body.password)).toBe(false);
  });

  it('refuses another request with the same key', async () => {
    await post(ACCOUNTS, 'two', { username: 'two' });
    for (const again of [
      post(ACCOUNTS, 'two', { username: 'three' }),
      post('/v1/tenants', 'two', { username: 'two' }),
    ]) {
      const answer = await again;
      expect([answer.status, answer.body.code]).toEqual([422, 'request.idempotency-conflict']);
    }
  });

  it('belongs to the API key that used it', async () => {
    const first = await post(ACCOUNTS, 'mine', { username: 'mine' });
    const foreign = await post(ACCOUNTS, 'mine', { username: 'mine' }, acme.admin);
    expect([first.status, foreign.status, foreign.body.code]).toEqual([201, 409, 'account.username-taken']);
  });

  it('does the work once under concurrency', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () =>
        post(`/v1/tenants/acme/api-keys`, 'race', { name: 'race', role: 'tenant-viewer' }),
      ),
    );
    expect(await api.database.prisma.apiKey.count({ where: { name: 'race' } })).toBe(1);
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].every((status) => status === 201 || status === 409)).toBe(true);
    const keys = new Set(answers.filter(({ status }) => status === 201).map(({ body }) => body.key));
    expect(keys.size).toBe(1);
    const refusals = new Set(answers.filter(({ status }) => status === 409).map(({ body }) => body.code));
    expect([...refusals].filter((code) => code !== 'request.idempotency-in-progress')).toEqual([]);
    expect((await post(`/v1/tenants/acme/api-keys`, 'race', { name: 'race', role: 'tenant-viewer' })).body.key).toBe(
      [...keys][0],
    );
  });

  it('repeats a refusal, but lets bad input be corrected under the same key', async () => {
    expect((await post(ACCOUNTS, 'taken', { username: 'one' })).status).toBe(409);
    const again = await post(ACCOUNTS, 'taken', { username: 'one' });
    expect([again.status, again.body.code, again.headers.get('idempotency-replayed')]).toEqual([
      409,
      'account.username-taken',
      'true',
    ]);
    expect(again.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect((await post(ACCOUNTS, 'corrected', { username: 'a@b' })).status).toBe(400);
    expect((await post(ACCOUNTS, 'corrected', { username: 'corrected' })).status).toBe(201);
  });

  it('is free again after a crash in the middle, once the claim has run out', async () => {
    const body = { username: 'crash' };
    await post(ACCOUNTS, 'crash', body);
    await api.call('DELETE', `${ACCOUNTS}/crash`);
    const leave = (expires: string) =>
      api.database.pool.query(
        `UPDATE idempotency_key SET status = NULL, response = NULL, expires_at = now() + $1::interval WHERE key = 'crash'`,
        [expires],
      );
    await leave('30 seconds');
    expect((await post(ACCOUNTS, 'crash', body)).body.code).toBe('request.idempotency-in-progress');
    await leave('-1 second');
    expect((await post(ACCOUNTS, 'crash', body)).status).toBe(201);
  });

  it.each(['', 'x'.repeat(256)])('refuses the key %j', async (key) => {
    const answer = await post(ACCOUNTS, key, { username: 'never' });
    expect([answer.status, answer.body.errors[0].field]).toEqual([400, 'Idempotency-Key']);
  });

  it('takes 255 characters, and does nothing on other methods', async () => {
    const key = 'k'.repeat(255);
    expect((await post(ACCOUNTS, key, { username: 'long' })).status).toBe(201);
    const patched = await api.call('PATCH', `${ACCOUNTS}/long`, {
      body: { quota: { files: 3 } },
      headers: { 'idempotency-key': key },
    });
    expect([patched.status, patched.body.quota.files]).toEqual([200, 3]);
  });

  it('is forgotten by the upkeep when it has run out', async () => {
    const { IdempotencyRepository } = await import('@quayside/database');
    await post(ACCOUNTS, 'old', { username: 'old' });
    await api.database.pool.query(
      `UPDATE idempotency_key SET expires_at = now() - interval '1 hour' WHERE key = 'old'`,
    );
    expect(await new IdempotencyRepository(api.database).purge()).toBe(1);
  });
});
