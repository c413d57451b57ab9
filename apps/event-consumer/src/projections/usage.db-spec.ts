import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EventLogWriter, UsageClosingRepository, UsageRepository, type UsageQueryFacts } from '@quayside/database';
import { newId } from '@quayside/domain';
import { parseEvent } from '@quayside/events';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import { project } from './index.js';
import { rebuildUsageFromLog } from './rebuild.js';

let database: TestDatabase;
let writer: EventLogWriter;
let usage: UsageRepository;
let closing: UsageClosingRepository;
const session = { remoteAddress: '192.0.2.1', protocol: 'ftps', clientName: null };

beforeAll(async () => {
  database = await startTestDatabase();
  const consumer = database.open('quayside_consumer');
  writer = new EventLogWriter(consumer);
  closing = new UsageClosingRepository(consumer);
  usage = new UsageRepository(database.open('quayside_api'));
}, 60_000);
afterAll(() => database.stop());

let tenantId: string;
let [bob, eve, space, other]: string[] = [];
beforeEach(async () => {
  tenantId = newId();
  [bob, eve, space, other] = [newId(), newId(), newId(), newId()];
  await database.database.pool.query(`UPDATE usage_closing SET closed_until = '1970-01-01T00:00:00Z'`);
  await database.database.pool.query('TRUNCATE event, usage_hourly, usage_daily, usage_late, usage_peak');
});

function event(at: string, type: string, accountId: string | undefined, data: object) {
  const about = { tenantId, accountId: accountId ?? null, sessionId: newId(), node: 'n', worker: 'w' };
  return { id: newId(), type, v: 1, at, ...about, data: { ...session, ...data } };
}

function upload(at: string, account: string | undefined, bytes: number, delta: [string, number, number] | null) {
  return event(at, 'transfer.completed', account, {
    transferId: newId(),
    account: 'x',
    spaceId: delta?.[0] ?? null,
    direction: 'upload',
    verb: 'STOR',
    path: '/a',
    bytes,
    fileBytes: bytes,
    sha256: null,
    startedAt: at,
    finishedAt: at,
    dataTls: true,
    delta: delta === null ? null : { spaceId: delta[0], bytes: delta[1], files: delta[2] },
  });
}

const apply = (events: readonly object[]) => writer.applyEvents(events.map((raw) => project(parseEvent(raw))));

async function tables(): Promise<unknown> {
  const { pool } = database.database;
  const hourly = await pool.query('SELECT * FROM usage_hourly ORDER BY tenant_id, account_id, space_id, hour');
  const daily = await pool.query('SELECT * FROM usage_daily ORDER BY tenant_id, account_id, space_id, day');
  // Sums may come to nothing where another path makes no row at all.
  return [hourly.rows, daily.rows];
}

function report(facts: Partial<UsageQueryFacts>) {
  const range = { from: new Date('2026-09-01T00:00:00Z'), to: new Date('2026-11-01T00:00:00Z') };
  return usage.list({ tenantId, granularity: 'month', ...range, ...facts }, null, 100);
}

const HOUR = 3_600_000n;

describe('usage', () => {
  it('is the same when it is counted again from the log', async () => {
    const random = seeded(7);
    const events = Array.from({ length: 400 }, () => {
      const at = new Date(Date.UTC(2026, 9, 1) + Math.floor(random() * 50 * 86_400_000)).toISOString();
      const account = [bob, eve, undefined][Math.floor(random() * 3)];
      const where = [space!, other!][Math.floor(random() * 2)]!;
      const size = Math.floor(random() * 1e6);
      const kind = Math.floor(random() * 5);
      if (kind === 0) return upload(at, account, size, [where, size, 1]);
      if (kind === 1) return upload(at, account, size, null);
      if (kind === 2) return event(at, 'login.succeeded', account, { account: 'x' });
      if (kind === 3) {
        const deltas = [
          { spaceId: space, bytes: -size, files: -1 },
          { spaceId: other, bytes: size, files: 1 },
        ];
        return event(at, 'file.renamed', account, { account: 'x', from: '/a', to: '/b', deltas });
      }
      const delta = { spaceId: where, bytes: -size, files: -1 };
      return event(at, 'file.deleted', account, { account: 'x', path: '/a', bytes: size, delta });
    });
    for (let start = 0; start < events.length; start += 50) await apply(events.slice(start, start + 50));
    await apply(events.slice(0, 100));
    // One month is closed, and events still come for it.
    await closing.close(new Date('2026-11-01T00:00:00Z'));
    await apply([upload('2026-10-31T23:59:59.999Z', bob, 77, [space!, 77, 1])]);
    const before = await tables();
    const { rows } = await database.database.pool.query('SELECT count(*)::int AS count FROM usage_late');
    expect(rows).toEqual([{ count: 1 }]);
    await rebuildUsageFromLog(database.open('quayside_consumer'));
    expect(await tables()).toEqual(before);
  }, 60_000);

  it('gives storage byte-hours exactly, also for periods without any event', async () => {
    await apply([
      upload('2026-09-10T10:30:00.000Z', bob, 100, [space!, 100, 1]),
      upload('2026-09-10T12:00:00.250Z', bob, 8, [space!, 8, 1]),
    ]);
    const days = await report({
      granularity: 'day',
      from: new Date('2026-09-09T00:00:00Z'),
      to: new Date('2026-09-12T00:00:00Z'),
    });
    const last = 12n * HOUR - 250n;
    expect(days.map((row) => [row.start.toISOString().slice(0, 10), row.storedBytes, row.storedByteMs])).toEqual([
      ['2026-09-09', 0, '0'],
      ['2026-09-10', 108, String((100n * 27n * HOUR) / 2n + 8n * last)],
      ['2026-09-11', 108, String(108n * 24n * HOUR)],
    ]);
    const hours = await report({
      granularity: 'hour',
      from: new Date('2026-09-10T10:00:00Z'),
      to: new Date('2026-09-11T00:00:00Z'),
    });
    expect(hours).toHaveLength(14);
    const sum = hours.reduce((total, row) => total + BigInt(row.storedByteMs), 0n);
    expect(String(sum)).toBe(days[1]!.storedByteMs);
    const [september, october] = await report({});
    expect(september).toMatchObject({ uploads: 2, bytesUp: 108, bytesUpFtps: 108, storedFiles: 2 });
    expect(october).toMatchObject({ uploads: 0, storedBytes: 108, storedByteMs: String(108n * 31n * 24n * HOUR) });
  });

  it('tells accounts and spaces apart, and adds them up', async () => {
    const at = '2026-09-10T10:00:00.000Z';
    await apply([upload(at, bob, 5, [space!, 5, 1]), upload(at, eve, 7, [other!, 7, 1])]);
    const byAccount = await report({ by: 'account', to: new Date('2026-10-01T00:00:00Z') });
    expect(new Map(byAccount.map((row) => [row.key, row.bytesUp]))).toEqual(
      new Map([
        [bob, 5],
        [eve, 7],
      ]),
    );
    const bySpace = await report({ by: 'space', to: new Date('2026-10-01T00:00:00Z') });
    expect(new Map(bySpace.map((row) => [row.key, row.storedBytes]))).toEqual(
      new Map([
        [space, 5],
        [other, 7],
      ]),
    );
    expect(await report({ accountId: bob })).toMatchObject([{ bytesUp: 5 }, { bytesUp: 0 }]);
    const page = await usage.list(
      {
        tenantId,
        granularity: 'month',
        by: 'account',
        from: new Date('2026-09-01T00:00:00Z'),
        to: new Date('2026-10-01T00:00:00Z'),
      },
      { start: byAccount[0]!.start, key: byAccount[0]!.key! },
      100,
    );
    expect(page.map((row) => row.key)).toEqual([byAccount[1]!.key]);
  });

  it('does not change a closed month; what comes late counts in the next', async () => {
    await apply([upload('2026-09-10T10:00:00.000Z', bob, 5, [space!, 5, 1])]);
    expect(await closing.close(new Date('2026-10-01T00:00:00Z'))).toBe(true);
    expect(await closing.close(new Date('2026-10-01T00:00:00Z'))).toBe(false);
    const [closed] = await report({});
    expect(closed).toMatchObject({ closed: true, bytesUp: 5 });
    await apply([upload('2026-09-30T10:00:00.000Z', bob, 9, [space!, 9, 1])]);
    const [september, october] = await report({});
    expect(september).toEqual(closed);
    expect(october).toMatchObject({ closed: false, bytesUp: 9, storedBytes: 14 });
  });

  it('finds the most sessions at once, by hour, by month and after the month is closed', async () => {
    const ended = (at: string, minutes: number, account = bob) =>
      event(at, 'session.closed', account, {
        account: 'x',
        reason: 'quit',
        durationMs: minutes * 60_000,
        bytesUp: 0,
        bytesDown: 0,
      });
    await apply([
      upload('2026-09-10T10:00:00.000Z', bob, 1, null),
      ended('2026-09-10T10:50:00.000Z', 40),
      ended('2026-09-10T11:10:00.000Z', 30),
      ended('2026-09-10T12:30:00.000Z', 90, eve),
    ]);
    const [from, to] = [new Date('2026-09-10T09:00:00Z'), new Date('2026-09-10T14:00:00Z')];
    const hours = await usage.peaks(tenantId, undefined, 'hour', from, to);
    expect(
      [...hours].toSorted(([a], [b]) => a - b).map(([start, count]) => [new Date(start).getUTCHours(), count]),
    ).toEqual([
      [10, 2],
      [11, 2],
      [12, 1],
    ]);
    const [september, october] = [new Date('2026-09-01T00:00:00Z'), new Date('2026-10-01T00:00:00Z')];
    const open = await usage.peaks(tenantId, undefined, 'month', september, october);
    expect([...open.values()]).toEqual([2]);
    expect([...(await usage.peaks(tenantId, eve, 'month', september, october)).values()]).toEqual([1]);
    await closing.close(october);
    await database.database.pool.query('TRUNCATE event');
    expect(await usage.peaks(tenantId, undefined, 'month', september, october)).toEqual(open);
  });

  it('takes what a removed space held out of the usage', async () => {
    await database.database.pool.query(
      `INSERT INTO quota_ledger (id, kind, tenant_id, bytes_used, files_used) VALUES ($1, 'space', $2, 42, 3)`,
      [space, tenantId],
    );
    await database.database.pool.query('DELETE FROM quota_ledger WHERE id = $1', [space]);
    const { rows } = await database.database.pool.query<{ event: object }>('DELETE FROM outbox RETURNING event');
    expect(rows).toHaveLength(1);
    const parsed = parseEvent(rows[0]!.event);
    expect(parsed).toMatchObject({ known: true, event: { type: 'space.removed', tenantId } });
    expect(project(parsed).usage).toEqual([{ spaceId: space, storedBytes: -42, storedFiles: -3 }]);
  });
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
