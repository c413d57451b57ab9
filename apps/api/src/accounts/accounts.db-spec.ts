import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiFixture, startApi } from '../testing/api-fixture.js';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
  await api.call('POST', '/v1/tenants', { body: { slug: 'acme', name: 'ACME' } });
});
afterAll(() => api.stop());

describe('accounts', () => {
  it('are created with a generated password, a space, a mount and a ledger', async () => {
    const created = await api.call('POST', '/v1/tenants/acme/accounts', {
      body: { username: 'Web', quota: { bytes: 1000 } },
    });
    expect(created.body).toMatchObject({ username: 'web', login: 'web@acme', status: 'active', quota: { bytes: 1000, files: null } });
    expect(created.status).toBe(201);
  });
});
