import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventLogWriter } from '@quayside/database';
import { newId } from '@quayside/domain';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi, type TenantFixture } from '../testing/api-fixture.js';

let api: ApiFixture;
let acme: TenantFixture;
let accountId: string;

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
  const { body } = await api.call('POST', '/v1/tenants/acme/accounts', { body: { username: 'bob' } });
  accountId = body.id;
  const spaceId = newId();
  const writer = new EventLogWriter(api.database);
  const at = '2026-09-10T12:00:00.000Z';
  const about = { at, type: 'transfer.completed', v: 1, tenantId: acme.id, accountId, sessionId: newId() };
  await writer.applyEvents([
    {
      event: { id: newId(), ...about, node: 'n', worker: 'w', data: {} },
      usage: [
        { spaceId, uploads: 1, bytesUp: 100, bytesUpFtps: 40 },
        { spaceId, storedBytes: 100, storedFiles: 1 },
      ],
    },
  ]);
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

const range = 'from=2026-09-01T00:00:00Z&to=2026-10-01T00:00:00Z';

describe('usage over time', () => {
  it('pages through the days of a month, with what was stored', async () => {
    const items = [];
    let cursor = '';
    do {
      const { body } = await api.call('GET', `/v1/tenants/acme/usage?${range}&limit=7${cursor}`, { key: acme.viewer });
      items.push(...body.items);
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '');
    expect(items).toHaveLength(30);
    expect(items[9]).toEqual({
      start: '2026-09-10T00:00:00.000Z',
      end: '2026-09-11T00:00:00.000Z',
      id: null,
      name: null,
      uploads: 1,
      downloads: 0,
      failures: 0,
      deletes: 0,
      logins: 0,
      loginFailures: 0,
      bytes: { ftp: { up: 60, down: 0 }, ftps: { up: 40, down: 0 }, total: { up: 100, down: 0 } },
      peakSessions: 0,
      storage: { bytes: 100, files: 1, byteHours: '1200.000' },
      closed: false,
    });
    expect(items[29].storage.byteHours).toBe('2400.000');
  });

  it('is CSV for invoices, by account, on request or by Accept', async () => {
    const path = `/v1/tenants/acme/usage?${range}&granularity=month&by=account`;
    const csv = await api.call('GET', `${path}&format=csv`, { key: acme.viewer });
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    const [head, row] = csv.body.split('\r\n').map((line: string) => line.split(','));
    expect(head.slice(0, 5)).toEqual(['start', 'end', 'id', 'name', 'uploads']);
    expect(row.slice(2, 5)).toEqual([accountId, 'bob', '1']);
    const accepted = await api.call('GET', path, { key: acme.viewer, headers: { accept: 'text/csv' } });
    expect(accepted.body).toBe(csv.body);
  });

  it('counts sessions that still run among those at once', async () => {
    const [node, worker] = [newId(), newId()];
    const { pool } = api.database;
    await pool.query(
      `INSERT INTO node (id, name, version, started_at, heartbeat_at) VALUES ($1, 'n', '1', now(), now())`,
      [node],
    );
    await pool.query(
      `INSERT INTO worker (id, node_id, slot, pid, ports, started_at, heartbeat_at) VALUES ($1, $2, 0, 1, '{}', now(), now())`,
      [worker, node],
    );
    const live = [newId(), newId(), newId()];
    for (const id of live) {
      await pool.query(
        `INSERT INTO ftp_session (id, worker_id, tenant_id, account_id, username, remote_address, protocol, opened_at, seen_at)
         VALUES ($1, $2, $3, $4, 'bob', '192.0.2.1', 'ftp', now() - interval '1 second', now())`,
        [id, worker, acme.id, accountId],
      );
    }
    // The end of one is in the log already, its row is not gone yet: it is one session all the same.
    const closed = { at: new Date().toISOString(), type: 'session.closed', v: 1, tenantId: acme.id, accountId };
    const data = { durationMs: 3_600_000 };
    await new EventLogWriter(api.database).applyEvents([
      { event: { id: newId(), ...closed, sessionId: live[0]!, node: 'n', worker: 'w', data } },
    ]);
    const day = Date.parse(new Date().toISOString().slice(0, 10));
    const today = `from=${new Date(day).toISOString()}&to=${new Date(day + 86_400_000).toISOString()}&granularity=day`;
    for (const whose of ['', '&account=bob']) {
      const { body } = await api.call('GET', `/v1/tenants/acme/usage?${today}${whose}`, { key: acme.viewer });
      expect(body.items[0].peakSessions).toBe(3);
    }
    await pool.query('DELETE FROM ftp_session');
  });

  it('is shown of all tenants to the platform only', async () => {
    const path = `/v1/usage?${range}&granularity=month&by=tenant`;
    const { body } = await api.call('GET', path);
    expect(body.items).toMatchObject([{ id: acme.id, name: 'acme', bytes: { total: { up: 100 } } }]);
    expect((await api.call('GET', path, { key: acme.admin })).status).toBe(403);
  });

  it.each([
    ['from=2026-09-01T00:00:00Z', 'to'],
    ['from=2026-09-01T00:30:00Z&to=2026-09-02T00:00:00Z&granularity=hour', 'from'],
    ['from=2026-09-02T00:00:00Z&to=2026-10-01T00:00:00Z&granularity=month', 'from'],
    ['from=2026-10-01T00:00:00Z&to=2026-09-01T00:00:00Z', 'to'],
    ['from=2020-01-01T00:00:00Z&to=2026-09-01T00:00:00Z&granularity=hour', 'to'],
  ])('refuses the range %s', async (query, field) => {
    const { status, body } = await api.call('GET', `/v1/tenants/acme/usage?${query}`, { key: acme.viewer });
    expect([status, body.errors?.[0].field]).toEqual([400, field]);
  });
});
