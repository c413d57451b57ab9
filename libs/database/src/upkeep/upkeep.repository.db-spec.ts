import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import { UpkeepRepository } from './upkeep.repository.js';

describe('UpkeepRepository', () => {
  let test: TestDatabase;
  let upkeep: UpkeepRepository;

  beforeAll(async () => {
    test = await startTestDatabase();
    upkeep = new UpkeepRepository(test.open('quayside_consumer'));
  }, 60_000);
  afterAll(() => test.stop());

  it('runs one of two works of a name at a time, and both of two names', async () => {
    const inner: boolean[] = [];
    const outer = await upkeep.exclusively('a', async () => {
      inner.push(await upkeep.exclusively('a', () => Promise.reject(new Error('beside'))));
      inner.push(await upkeep.exclusively('b', async () => undefined));
    });
    expect([outer, ...inner]).toEqual([true, false, true]);
  });

  it('gives the lock back when the work fails', async () => {
    await expect(upkeep.exclusively('c', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await upkeep.exclusively('c', async () => undefined)).toBe(true);
  });

  it('forgets old ledger entries only, and no more than asked', async () => {
    const add = `INSERT INTO ledger_entry (event_id, space_id, tenant_id, bytes, files, applied_at)
      SELECT gen_random_uuid(), $1, $1, 1, 1, now() - $2 * interval '1 day' FROM generate_series(1, 3)`;
    await test.database.pool.query(add, [newId(), 100]);
    await test.database.pool.query(add, [newId(), 1]);
    expect(await upkeep.pruneLedgerEntries(90, 2)).toBe(2);
    expect(await upkeep.pruneLedgerEntries(90, 2)).toBe(1);
    expect(await upkeep.pruneLedgerEntries(90, 2)).toBe(0);
  });
});
