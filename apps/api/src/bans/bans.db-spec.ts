import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
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

  it('end what the address has open, of the one login or of all', async () => {
    const acme = await aTenant(api, 'ended');
    const accounts = new Map<string, string>();
    for (const username of ['one', 'two']) {
      const { body } = await api.call('POST', '/v1/tenants/ended/accounts', { body: { username } });
      accounts.set(username, body.id);
    }
    const [node, worker] = [newId(), newId()];
    const times = { startedAt: new Date(), heartbeatAt: new Date() };
    await api.database.prisma.node.create({ data: { id: node, name: 'n1', version: '0', ...times } });
    await api.database.prisma.worker.create({
      data: { id: worker, nodeId: node, slot: 0, pid: 1, ...times },
    });
    const open = async (username: string, address: string): Promise<string> => {
      const id = newId();
      await api.database.pool.query(
        `INSERT INTO ftp_session (id, worker_id, tenant_id, account_id, username, remote_address, protocol, opened_at, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'ftp', now(), now())`,
        [id, worker, acme.id, accounts.get(username), username, address],
      );
      return id;
    };
    const ids = {
      mine: await open('one', '2001:db8:7:8::1'),
      neighbour: await open('two', '2001:db8:7:8:9::2'),
      elsewhere: await open('one', '2001:db8:7:9::1'),
    };
    const ending = async (): Promise<string[]> => {
      const { rows } = await api.database.pool.query<{ id: string }>(
        'SELECT id FROM ftp_session WHERE end_reason IS NOT NULL AND tenant_id = $1',
        [acme.id],
      );
      return Object.entries(ids).flatMap(([name, id]) => (rows.some((row) => row.id === id) ? [name] : []));
    };
    const ban = (login?: string) =>
      api.call('POST', '/v1/bans', { body: { address: '2001:db8:7:8::ff', reason: 'abuse', login } });
    expect((await ban('one@ended')).status).toBe(201);
    expect(await ending()).toEqual(['mine']);
    expect((await ban()).status).toBe(201);
    expect(await ending()).toEqual(['mine', 'neighbour']);
  });

  it('are the platform’s business, and refuse what is no address', async () => {
    const acme = await aTenant(api, 'acme');
    expect((await api.call('GET', '/v1/bans', { key: acme.admin })).status).toBe(403);
    const bad = await api.call('POST', '/v1/bans', { body: { address: 'somewhere', reason: 'x' } });
    expect([bad.status, bad.body.code]).toEqual([400, 'request.invalid']);
  });
});
