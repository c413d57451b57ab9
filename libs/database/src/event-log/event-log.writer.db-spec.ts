import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { type TestDatabase, startTestDatabase } from '@quayside/testing';
import { OutboxRepository } from '../outbox/outbox.repository.js';
import { inTransaction } from '../transaction.js';
import { EventLogWriter, type LoggedEvent } from './event-log.writer.js';

let test: TestDatabase;
let writer: EventLogWriter;
let tenantId: string;
let accountId: string;

beforeAll(async () => {
  test = await startTestDatabase();
  writer = new EventLogWriter(test.open('quayside_consumer', 8));
});
afterAll(() => test.stop());
beforeEach(() => {
  [tenantId, accountId] = [newId(), newId()];
});

function anUpload(bytes: number, at = '2026-11-22T13:59:59.999Z'): LoggedEvent {
  const sessionId = newId();
  return {
    event: {
      id: newId(),
      at,
      type: 'transfer.completed',
      v: 1,
      tenantId,
      accountId,
      sessionId,
      node: 'n',
      worker: 'w',
      data: { bytes },
    },
    transfer: {
      id: newId(),
      startedAt: at,
      finishedAt: at,
      tenantId,
      accountId,
      account: 'bob',
      sessionId,
      spaceId: null,
      direction: 'upload',
      path: '/"quoted" ünïcode.txt',
      bytes,
      outcome: 'completed',
      reason: null,
      sha256: 'ab',
      protocol: 'ftps',
      remoteAddress: '::1',
      node: 'n',
    },
    usage: [{ uploads: 1, bytesUp: bytes, bytesUpTls: bytes }],
  };
}

async function usage(): Promise<{ uploads: string; bytes_up: string }[]> {
  const { rows } = await test.database.pool.query(
    'SELECT uploads, bytes_up FROM usage_hourly WHERE tenant_id = $1 ORDER BY hour',
    [tenantId],
  );
  return rows;
}

describe('EventLogWriter', () => {
  it('writes event, transfer and usage once, however often and in whatever company the event comes', async () => {
    const [a, b, c] = [anUpload(3), anUpload(4), anUpload(5, '2026-11-22T14:00:00.000Z')];
    expect(await writer.applyEvents([a, b])).toHaveLength(2);
    expect(await writer.applyEvents([b, c, c])).toEqual([c.event.id]);
    const { rows } = await test.database.pool.query(
      'SELECT path, bytes FROM transfer_log WHERE tenant_id = $1 ORDER BY bytes',
      [tenantId],
    );
    expect(rows).toEqual([3, 4, 5].map((bytes) => ({ path: '/"quoted" ünïcode.txt', bytes })));
    expect(await usage()).toEqual([
      { uploads: 2, bytes_up: 7 },
      { uploads: 1, bytes_up: 5 },
    ]);
  });

  it('counts right when consumers apply the same events at once in different order', async () => {
    const events = Array.from({ length: 60 }, () => anUpload(1));
    const shuffled = [events, events.toReversed(), [...events.slice(30), ...events.slice(0, 30)], events];
    const fresh = await Promise.all(shuffled.map((batch) => writer.applyEvents(batch)));
    expect(fresh.flat()).toHaveLength(60);
    expect(await usage()).toEqual([{ uploads: 60, bytes_up: 60 }]);
  });

  it('keeps events without tenant or projection', async () => {
    const event = { ...anUpload(0).event, type: 'session.opened', tenantId: null, accountId: null };
    expect(await writer.applyEvents([{ event, usage: [{ logins: 1 }] }])).toEqual([event.id]);
  });

  it('writes nothing of a batch that fails', async () => {
    const good = anUpload(1);
    const bad = anUpload(1);
    await expect(
      writer.applyEvents([good, { ...bad, transfer: { ...bad.transfer!, direction: 'sideways' as 'upload' } }]),
    ).rejects.toThrow(/transfer_log_direction_check/);
    expect(await writer.applyEvents([good])).toEqual([good.event.id]);
  });

  it('makes partitions with the consumer’s rights', async () => {
    expect(await writer.ensurePartitions(5)).toBe(4);
    expect(await writer.ensurePartitions(5)).toBe(0);
  });
});

describe('the outbox', () => {
  it('holds the events of committed changes only, oldest first', async () => {
    const outbox = new OutboxRepository(test.open('quayside_consumer', 2));
    const [kept, lost] = [{ id: newId() }, { id: newId() }];
    await inTransaction(test.database, (tx) => outbox.add(tx, [kept]));
    await expect(
      inTransaction(test.database, async (tx) => {
        await outbox.add(tx, [lost]);
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    expect(await outbox.oldest(10)).toEqual([{ id: kept.id, event: kept }]);
    await outbox.remove([kept.id]);
    expect(await outbox.oldest(10)).toEqual([]);
  });
});
