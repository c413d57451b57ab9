import { describe, expect, it } from '@jest/globals';
import { DomainError } from '@quayside/domain';
import { asDatabaseError, isForeignKeyViolation, isRetryable, isUniqueViolation } from './database-errors.js';
import { openDatabase } from './database.js';

describe('database errors', () => {
  it('know a database that is away from a statement that is wrong', () => {
    for (const code of ['ECONNREFUSED', '57P01', '08006', '53300', '57014', 'P1001']) {
      expect(asDatabaseError(Object.assign(new Error('x'), { code }))).toMatchObject({ code: 'database.unavailable' });
    }
    const bug = Object.assign(new Error('syntax error'), { code: '42601' });
    expect(asDatabaseError(bug)).toBe(bug);
    const known = new DomainError('path.busy');
    expect(asDatabaseError(known)).toBe(known);
  });

  it('are recognised inside of what Prisma wraps around them', () => {
    const wrapped = { code: 'P2010', meta: { driverAdapterError: { cause: { originalCode: '23505' } } } };
    expect(isUniqueViolation(wrapped)).toBe(true);
    expect(isForeignKeyViolation({ code: 'P2003' })).toBe(true);
    expect(isRetryable({ code: '40P01' })).toBe(true);
    expect(isRetryable(wrapped)).toBe(false);
  });

  it('answer a statement on a database that is down with database.unavailable', async () => {
    const database = openDatabase({ url: 'postgresql://nobody@127.0.0.1:1/none' });
    await expect(database.rows({ name: 'one', text: 'SELECT 1' })).rejects.toMatchObject({
      code: 'database.unavailable',
    });
    await database.close();
  });
});
