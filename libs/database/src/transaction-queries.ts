import type { Queryable, Statement } from './database.js';
import type { Transaction } from './transaction.js';

/** The statements of the hot paths inside of a Prisma transaction. Bigints are numbers, as they are on the pool. */
export function queriesOf(tx: Transaction): Queryable {
  return {
    async rows<Row>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
      const rows = await tx.$queryRawUnsafe<Record<string, unknown>[]>(statement.text, ...values);
      return rows.map((row) => Object.fromEntries(Object.entries(row).map(plainValue)) as Row);
    },
  };
}

function plainValue([name, value]: [string, unknown]): [string, unknown] {
  return [name, typeof value === 'bigint' ? Number(value) : value];
}
