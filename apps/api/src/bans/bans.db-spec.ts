import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi } from '../testing/api-fixture.js';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

describe('bans', () => {
  it('are made, listed page by page, and ended, with the reason in the audit log', async () => {
    for (const address of ['192.0.2.1', '192.0.2.2', '2001:db8:1:2:3::4']) {
      const made = await api.call('POST', '/v1/bans', { body: { address, reason: 'abuse' } });
      expect(made.status).toBe(201);
      expect(made.body).toMatchObject({ login: null, reason: 'abuse', bans: 1 });
    }
    const pair = await api.call('POST', '/v1/bans', {
      body: { address: '192.0.2.1', login: 'Web@acme', reason: 'one login only' },
    });
    expect(pair.body).toMatchObject({ address: '192.0.2.1', login: 'web@acme' });
    const first = await api.call('GET', '/v1/bans?limit=3');
    expect(first).toMatchObject({ status: 200 });
    const second = await api.call('GET', `/v1/bans?limit=3&cursor=${first.body.nextCursor}`);
    expect(new Set([...first.body.items, ...second.body.items].map(({ id }: { id: string }) => id)).size).toBe(4);
    expect((await api.call('GET', '/v1/bans?address=2001:db8:1:2::9')).body.items).toHaveLength(1);
    expect((await api.call('DELETE', `/v1/bans/${pair.body.id}?reason=mistake`)).status).toBe(204);
    expect((await api.call('DELETE', `/v1/bans/${pair.body.id}`)).body.code).toBe('ban.not-found');
    const { body: audit } = await api.call('GET', '/v1/audit?limit=1');
    expect(audit.items[0]).toMatchObject({ action: 'ban.end', after: { reason: 'mistake' } });
  });

  it('are the platform’s business, and refuse what is no address', async () => {
    const acme = await aTenant(api, 'acme');
    expect((await api.call('GET', '/v1/bans', { key: acme.admin })).status).toBe(403);
    const bad = await api.call('POST', '/v1/bans', { body: { address: 'somewhere', reason: 'x' } });
    expect([bad.status, bad.body.code]).toEqual([400, 'request.invalid']);
  });
});
