import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import { type TransferFilter, TransferLogRepository } from './transfer-log.repository.js';

const ROWS = 60;
const tenantId = newId();
const accountId = newId();
let database: TestDatabase;
let log: TransferLogRepository;

beforeAll(async () => {
  database = await startTestDatabase();
  log = new TransferLogRepository(database.open('quayside_api'));
  for (let n = 0; n < ROWS; n++) {
    const at = new Date(Date.now() - n * 60_000);
    const folder = n % 15 === 7 ? 'rare' : 'usual';
    await database.database.pool.query(
      `INSERT INTO transfer_log (id, started_at, finished_at, event_id, tenant_id, account_id, account, session_id, direction, path,
         bytes, outcome, protocol, remote_address)
       VALUES ($1, $2, $2, $3, $4, $5, 'bob', $3, 'upload', $6, 1, $7, 'ftp', '192.0.2.1')`,
      [newId(), at, newId(), tenantId, accountId, `/${folder}/${n}`, n === 41 ? 'failed' : 'completed'],
    );
  }
}, 60_000);
afterAll(() => database.stop());

const rare: TransferFilter = { path: { text: '/rare/', prefix: true } };

/** All pages of a search that gives up after each step. */
async function searched(filter: TransferFilter, descending: boolean, limit = 10) {
  const effort = { firstRows: 5, mostRows: 8, budgetMs: -1 };
  const paths: string[] = [];
  let pages = 0;
  let after: readonly unknown[] | null = null;
  do {
    const found = await log.list(tenantId, filter, descending, after, limit, effort);
    paths.push(...found.rows.map(({ path }) => path));
    const last = found.rows.at(-1);
    after = found.rows.length === limit ? [last!.startedAt.toISOString(), last!.id] : found.searchedTo;
    pages++;
  } while (after !== null);
  return { paths, pages };
}

describe('the transfer log', () => {
  it('is searched at once for what has no index, where that is quick', async () => {
    const { rows, searchedTo } = await log.list(tenantId, rare, true, null, 10);
    expect(rows.map(({ path }) => path)).toEqual(['/rare/7', '/rare/22', '/rare/37', '/rare/52']);
    expect(searchedTo).toBeNull();
  });

  it('says how far a search has come that takes too long, and goes on from there without losing or repeating a row', async () => {
    const forth = await searched(rare, true);
    expect(forth.paths).toEqual(['/rare/7', '/rare/22', '/rare/37', '/rare/52']);
    expect(forth.pages).toBeGreaterThan(5);
    expect((await searched(rare, false)).paths).toEqual(forth.paths.toReversed());
    expect((await searched({ ...rare, account: { id: accountId } }, true, 1)).paths).toEqual(forth.paths);
    expect((await searched({ outcome: 'failed' }, true)).paths).toEqual(['/usual/41']);
    expect((await searched({ account: { name: 'nobody' } }, true)).paths).toEqual([]);
  });

  it('is read without a search where an index serves the filter', async () => {
    const effort = { firstRows: 1, mostRows: 1, budgetMs: -1 };
    const { rows, searchedTo } = await log.list(tenantId, { account: { id: accountId } }, true, null, 100, effort);
    expect([rows.length, searchedTo]).toEqual([ROWS, null]);
  });
});
