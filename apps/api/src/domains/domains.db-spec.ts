import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TenantDirectoryRepository } from '@quayside/database';
import { testCertificate } from '@quayside/testing';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi } from '../testing/api-fixture.js';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
  await aTenant(api, 'acme');
  await aTenant(api, 'other');
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

const PATH = '/v1/tenants/acme/domains';

describe('a domain', () => {
  it('comes with a certificate that HOST and SNI find, and never shows its key', async () => {
    const { cert, key } = await testCertificate('ftp.acme.test');
    const created = await api.call('POST', PATH, {
      body: { domain: 'FTP.Acme.test.', certificate: cert, privateKey: key },
    });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      domain: 'ftp.acme.test',
      version: 1,
      certificate: { names: 'DNS:ftp.acme.test' },
    });
    const hosts = new TenantDirectoryRepository(api.database);
    expect(await hosts.findHost('FTP.acme.test')).toMatchObject({ slug: 'acme', certificate: cert, privateKey: key });
    const shown = [
      created,
      await api.call('GET', PATH),
      await api.call('GET', `${PATH}/ftp.acme.test`),
      await api.call('GET', `${PATH}/${created.body.id}`),
      await api.call('GET', '/v1/audit?limit=200'),
      await api.call('GET', '/v1/events?limit=200'),
    ].map(({ body }) => JSON.stringify(body));
    const secret = key.split('\n')[1]!;
    for (const text of shown) expect(text).not.toContain(secret);
    expect(JSON.stringify(await api.database.prisma.outbox.findMany())).not.toContain(secret);
  });

  it('changes its certificate under If-Match, and loses it by null', async () => {
    const { body } = await api.call('POST', PATH, { body: { domain: 'second.acme.test' } });
    expect(body.certificate).toBeNull();
    const { cert, key } = await testCertificate('*.acme.test');
    const path = `${PATH}/second.acme.test`;
    const stale = { 'if-match': '"9"' };
    expect(
      (await api.call('PATCH', path, { body: { certificate: cert, privateKey: key }, headers: stale })).status,
    ).toBe(412);
    const patched = await api.call('PATCH', path, { body: { certificate: cert, privateKey: key } });
    expect(patched.body).toMatchObject({ version: 2, certificate: { names: 'DNS:*.acme.test' } });
    const removed = await api.call('PATCH', path, { body: { certificate: null, privateKey: null } });
    expect(removed.body).toMatchObject({ version: 3, certificate: null });
    expect((await api.call('DELETE', path)).status).toBe(204);
    expect((await api.call('GET', path)).body.code).toBe('domain.not-found');
  });

  it('belongs to one tenant', async () => {
    const taken = await api.call('POST', '/v1/tenants/other/domains', { body: { domain: 'ftp.acme.test' } });
    expect([taken.status, taken.body.code]).toEqual([409, 'domain.taken']);
    for (const method of ['GET', 'DELETE'] as const) {
      expect((await api.call(method, '/v1/tenants/other/domains/ftp.acme.test')).body.code).toBe('domain.not-found');
    }
  });

  it('refuses pairs that cannot serve it, and says nothing of the key', async () => {
    const { cert, key } = await testCertificate('refused.acme.test');
    const { cert: foreign, key: foreignKey } = await testCertificate('elsewhere.test');
    const cases: [object, string][] = [
      [{ certificate: cert }, 'privateKey'],
      [{ privateKey: key }, 'certificate'],
      [{ certificate: 'nonsense', privateKey: key }, 'certificate'],
      [{ certificate: foreign, privateKey: foreignKey }, 'certificate'],
      [{ certificate: cert, privateKey: foreignKey }, 'privateKey'],
      [{ certificate: cert, privateKey: 'nonsense' }, 'privateKey'],
    ];
    for (const [pair, field] of cases) {
      const { status, body } = await api.call('POST', PATH, { body: { domain: 'refused.acme.test', ...pair } });
      expect([status, body.faults?.[0]?.field ?? body.errors?.[0]?.field]).toEqual([400, field]);
      expect(JSON.stringify(body)).not.toContain('PRIVATE');
    }
    for (const domain of ['acme', '192.0.2.1', 'a b.test', '-a.test', 'x'.repeat(64) + '.test']) {
      expect((await api.call('POST', PATH, { body: { domain } })).status).toBe(400);
    }
  });
});
