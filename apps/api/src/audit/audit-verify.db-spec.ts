import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi } from '../testing/api-fixture.js';

let api: ApiFixture;
const entries: { seq: number; id: string; hash: string }[] = [];

beforeAll(async () => {
  api = await startApi();
  await aTenant(api, 'acme');
  for (let n = 0; n < 4; n++) {
    await api.call('PATCH', '/v1/tenants/acme', { body: { name: `Name ${n}`, limits: { bytes: n } } });
  }
  entries.push(...(await api.call('GET', '/v1/audit')).body.items.toReversed());
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

/** As somebody with all rights over the database would. */
async function tamper(sql: string, values: unknown[]): Promise<void> {
  await api.database.pool.query('ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only');
  await api.database.pool.query(sql, values);
}

const verify = async () => (await api.call('GET', '/v1/audit/verify')).body;

describe('the audit chain', () => {
  it('is intact as the API writes it', async () => {
    const { seq, hash } = entries.at(-1)!;
    expect(await verify()).toEqual({ intact: true, entries: entries.length, last: { seq, hash }, fault: null });
  });

  it('shows the very entry that was changed', async () => {
    const target = entries[3]!;
    const { rows } = await api.database.pool.query('SELECT after FROM audit_entry WHERE seq = $1', [target.seq]);
    await tamper(`UPDATE audit_entry SET after = after || '{"forged": true}' WHERE seq = $1`, [target.seq]);
    expect(await verify()).toMatchObject({
      intact: false,
      entries: 3,
      fault: { seq: target.seq, id: target.id, reason: 'changed' },
    });
    await tamper('UPDATE audit_entry SET after = $2 WHERE seq = $1', [target.seq, rows[0].after]);
    expect(await verify()).toMatchObject({ intact: true });
  });

  it('shows where entries have changed places', async () => {
    const [first, second] = [entries[2]!, entries[3]!];
    // Numbers are unique, so that one of them stands aside meanwhile.
    const swap = async (): Promise<void> => {
      for (const [from, to] of [
        [first.seq, -1],
        [second.seq, first.seq],
        [-1, second.seq],
      ]) {
        await tamper('UPDATE audit_entry SET seq = $2 WHERE seq = $1', [from, to]);
      }
    };
    await swap();
    expect(await verify()).toMatchObject({
      intact: false,
      entries: 2,
      fault: { seq: first.seq, id: second.id, reason: 'unlinked' },
    });
    await swap();
    expect(await verify()).toMatchObject({ intact: true });
  });

  it('shows where an entry is missing', async () => {
    await tamper('DELETE FROM audit_entry WHERE seq = $1', [entries[2]!.seq]);
    expect(await verify()).toMatchObject({
      intact: false,
      entries: 2,
      fault: { seq: entries[3]!.seq, reason: 'unlinked' },
    });
  });

  it('is verified for the platform only', async () => {
    const other = await aTenant(api, 'other');
    expect((await api.call('GET', '/v1/audit/verify', { key: other.admin })).status).toBe(403);
  });
});
