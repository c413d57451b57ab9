import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiFixture, startApi } from '../testing/api-fixture.js';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

describe('while the database is away', () => {
  it('answers 503 at once and works again afterwards', async () => {
    const name = new URL(api.testDatabase.url).pathname.slice(1);
    const { startEmptyDatabase } = await import('@quayside/testing');
    const { openDatabase } = await import('@quayside/database');
    const elsewhere = await startEmptyDatabase();
    const control = openDatabase({ url: elsewhere.url, poolSize: 1 });
    const allow = async (allowed: boolean): Promise<void> => {
      await control.pool.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${allowed}`);
      await control.pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    };
    try {
      await allow(false);
      for (const path of ['/health/ready', '/v1/tenants']) {
        const answer = await api.call('GET', path);
        expect([path, answer.status, answer.body.code]).toEqual([path, 503, 'database.unavailable']);
        expect(answer.headers.get('retry-after')).not.toBeNull();
        expect(JSON.stringify(answer.body)).not.toContain(name);
      }
      expect((await api.call('GET', '/health/live')).status).toBe(200);
      await control.pool.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
      expect((await api.call('GET', '/v1/tenants')).status).toBe(200);
    } finally {
      await control.pool.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
      await control.close();
      await elsewhere.stop();
    }
  });
});
