import { runMigrations } from 'bullmq';

/** The part of a dedicated `pg.Client` that migrations need; never a pool. */
export interface MigrationClient {
  query(text: string, params?: unknown[]): Promise<{ rows: Record<string, unknown>[]; rowCount?: number | null }>;
}

/** The database roles that use the queue (one per app); those that do not exist are passed over. */
const QUEUE_ROLES = ['quayside_worker', 'quayside_consumer'];

/**
 * Brings BullMQ's schema `bullmq` up to date and lets the apps' roles use it. Idempotent, and safe to run from several
 * processes at once. The caller's client must be free of a transaction.
 */
export async function runQueueMigrations(client: MigrationClient): Promise<void> {
  await runMigrations(client as never);
  const { rows } = await client.query('SELECT rolname FROM pg_roles WHERE rolname = ANY($1)', [QUEUE_ROLES]);
  for (const row of rows) {
    // Names from QUEUE_ROLES only, so nothing needs quoting.
    const role = String(row['rolname']);
    await client.query(`GRANT USAGE ON SCHEMA bullmq TO ${role}`);
    await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bullmq TO ${role}`);
    await client.query(`GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA bullmq TO ${role}`);
    await client.query(`GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bullmq TO ${role}`);
  }
}
