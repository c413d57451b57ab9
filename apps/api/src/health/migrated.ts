import type { Database, Statement } from '@quayside/database';

const PROBE: Statement = {
  name: 'migrated',
  text: `SELECT to_regclass('public.tenant') IS NOT NULL AND to_regclass('public.outbox') IS NOT NULL AS migrated`,
};

/** Whether the database answers and has our tables; throws `database.unavailable` where it does not answer. */
export async function isMigrated(database: Database): Promise<boolean> {
  const [row] = await database.rows<{ migrated: boolean }>(PROBE);
  return row?.migrated === true;
}
