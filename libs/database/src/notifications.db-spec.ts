import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { type TestDatabase, startTestDatabase } from '@quayside/testing';
import { type Change, Notifications } from './notifications.js';
import { TenantDirectoryRepository } from './tenants/tenant-directory.repository.js';

let test: TestDatabase;
let open: Notifications | undefined;
beforeAll(async () => {
  test = await startTestDatabase();
});
afterEach(() => open?.close());
afterAll(() => test.stop());

async function sql(text: string, values: unknown[]): Promise<void> {
  await test.database.pool.query(text, values);
}

/** What comes in, in order, with 'gap' for the signal; each is awaited in turn. */
function listen(): () => Promise<Change | 'gap'> {
  const waiting: ((value: Change | 'gap') => void)[] = [];
  const arrived: (Change | 'gap')[] = [];
  const put = (value: Change | 'gap'): void => {
    const next = waiting.shift();
    if (next === undefined) arrived.push(value);
    else next(value);
  };
  open = new Notifications({ url: test.url, onChange: put, onGap: () => put('gap'), firstRetryMs: 10 });
  open.start();
  return () => {
    const value = arrived.shift();
    return value === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(value);
  };
}

describe('Notifications', () => {
  it('tells who changed, and only what concerns open sessions', async () => {
    const next = listen();
    expect(await next()).toBe('gap');
    const [tenantId, accountId, credentialId] = [newId(), newId(), newId()];
    await sql('INSERT INTO tenant (id, slug, name) VALUES ($1, $2, $3)', [tenantId, 'acme', 'Acme']);
    expect(await next()).toEqual({ table: 'tenant', op: 'insert', id: tenantId, tenantId, accountId: null });
    await sql('INSERT INTO account (id, tenant_id, username) VALUES ($1, $2, $3)', [accountId, tenantId, 'bob']);
    expect(await next()).toEqual({ table: 'account', op: 'insert', id: accountId, tenantId, accountId });
    await sql('INSERT INTO credential (id, tenant_id, account_id, hash) VALUES ($1, $2, $3, $4)', [
      credentialId,
      tenantId,
      accountId,
      'x',
    ]);
    expect(await next()).toMatchObject({ table: 'credential', op: 'insert', accountId });
    // Every login writes this; nobody needs to know.
    await sql('UPDATE credential SET last_used_at = now() WHERE id = $1', [credentialId]);
    await sql('UPDATE credential SET hash = $2 WHERE id = $1', [credentialId, 'y']);
    expect(await next()).toMatchObject({ table: 'credential', op: 'update', id: credentialId, accountId });
    await sql('UPDATE account SET status = $2 WHERE id = $1', [accountId, 'suspended']);
    expect(await next()).toMatchObject({ table: 'account', op: 'update', id: accountId, tenantId });
    await sql('INSERT INTO outbox (id, event) VALUES ($1, $2)', [newId(), '{}']);
    expect(await next()).toEqual({ table: 'outbox', op: 'insert', id: null, tenantId: null, accountId: null });
    await sql('DELETE FROM credential WHERE id = $1', [credentialId]);
    expect(await next()).toMatchObject({ table: 'credential', op: 'delete', accountId });
  });

  it('listens again after its connection was cut, and says that something may be missing', async () => {
    const next = listen();
    expect(await next()).toBe('gap');
    await test.database.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'quayside notifications' AND datname = current_database()`,
    );
    expect(await next()).toBe('gap');
    const id = newId();
    await test.database.pool.query('INSERT INTO policy (id, name) VALUES ($1, $2)', [id, id]);
    expect(await next()).toEqual({ table: 'policy', op: 'insert', id, tenantId: null, accountId: null });
  });
});

describe('TenantDirectoryRepository', () => {
  it('finds a tenant by slug and by domain, with the certificate of the domain', async () => {
    const directory = new TenantDirectoryRepository(test.open('quayside_worker', 2));
    const tenantId = newId();
    await test.database.pool.query('INSERT INTO tenant (id, slug, name) VALUES ($1, $2, $3)', [
      tenantId,
      'globex',
      'Globex',
    ]);
    await test.database.pool.query(
      'INSERT INTO tenant_domain (id, tenant_id, domain, certificate, private_key) VALUES ($1, $2, $3, $4, $5)',
      [newId(), tenantId, 'ftp.globex.example', 'cert', 'key'],
    );
    expect(await directory.findHost('FTP.Globex.example')).toMatchObject({
      tenantId,
      certificate: 'cert',
      privateKey: 'key',
    });
    expect(await directory.findHost('globex')).toMatchObject({ tenantId, slug: 'globex', certificate: null });
    expect(await directory.findHost('nobody.example')).toBeNull();
  });
});
