import type pg from 'pg';
import type { Database, Queryable, Statement } from './database.js';
import { asDatabaseError, isRetryable } from './database-errors.js';
import type { Prisma } from './generated/prisma/client.js';

const ATTEMPTS = 3;

/** What a repository gets inside `inTransaction`; every model is there, as on the client itself. */
export type Transaction = Prisma.TransactionClient;

/**
 * Run Prisma work in one transaction; a deadlock or serialization failure runs `work` again, so it must have no effect
 * outside the database. Throws `database.unavailable` where no connection is to be had.
 */
export function inTransaction<T>(database: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return retrying(() => database.prisma.$transaction(work, { maxWait: 5_000, timeout: 15_000 }));
}

/** The same on a plain connection, for the hot paths. */
export function inSqlTransaction<T>(database: Database, work: (sql: Queryable) => Promise<T>): Promise<T> {
  return retrying(async () => {
    const client = await database.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work(queryableOf(client));
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((rollbackError: Error) => (broken = rollbackError));
      throw error;
    } finally {
      // A connection that cannot roll back is destroyed, not reused.
      client.release(broken);
    }
  });
}

function queryableOf(client: pg.ClientBase): Queryable {
  return {
    async rows<Row>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
      const result = await client.query({ ...statement, values: [...values] });
      return result.rows as Row[];
    },
  };
}

async function retrying<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt >= ATTEMPTS || !isRetryable(error)) throw asDatabaseError(error);
    }
  }
}
