import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import { EventLogWriter } from './event-log.writer.js';

let test: TestDatabase;
let writer: EventLogWriter;

beforeAll(async () => {
  test = await startTestDatabase();
  writer = new EventLogWriter(test.open('quayside_consumer'));
});
afterAll(() => test.stop());

const DAY_MS = 86_400_000;

async function happenDaysAgo(days: number): Promise<void> {
  const about = { type: 'session.opened', v: 1, tenantId: null, accountId: null, sessionId: null, node: null };
  const at = new Date(Date.now() - days * DAY_MS).toISOString();
  await writer.applyEvents([{ event: { id: newId(), at, ...about, worker: null, data: {} } }]);
}

async function count(): Promise<number> {
  const { rows } = await test.database.pool.query('SELECT count(*)::int AS count FROM event');
  return rows[0].count;
}

describe('retention', () => {
  it('drops whole months that are too old, and old rows outside of any month, and nothing else', async () => {
    await test.database.pool.query(
      `CREATE TABLE partitions.event_2020_01 PARTITION OF event FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z')`,
    );
    const inOldMonth = Math.ceil((Date.now() - Date.parse('2020-01-15T00:00:00Z')) / DAY_MS);
    for (const days of [0, 1, 1_000, inOldMonth]) await happenDaysAgo(days);
    expect(await writer.dropPartitions('event', 5_000)).toBe(0);
    expect(await count()).toBe(4);
    expect(await writer.dropPartitions('event', 100)).toBe(2);
    expect(await count()).toBe(2);
    const { rows } = await test.database.pool.query(`SELECT to_regclass('partitions.event_2020_01') AS gone`);
    expect(rows).toEqual([{ gone: null }]);
  });

  it('is refused for no days at all, and for another table', async () => {
    await expect(writer.dropPartitions('event', 0)).rejects.toThrow('keep_days');
    await expect(writer.dropPartitions('tenant' as 'event', 100)).rejects.toThrow('no log');
  });
});
