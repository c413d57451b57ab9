import { runMigrations } from 'bullmq';
import { EVENTS_QUEUE } from './queue-names.js';

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
export async function runQueueMigrations(
  client: MigrationClient,
  queues: readonly string[] = [EVENTS_QUEUE],
): Promise<void> {
  await runMigrations(client as never);
  for (const queue of queues) {
    // BullMQ makes a queue's sequence on first use, which takes a right on the schema that the apps do not get.
    const { rows } = await client.query('SELECT quote_ident(bullmq.job_id_seq_name($1)) AS name', [queue]);
    await client.query(`CREATE SEQUENCE IF NOT EXISTS bullmq.${String(rows[0]?.['name'])}`);
  }
  const { rows: databases } = await client.query('SELECT quote_ident(current_database()) AS name');
  const { rows } = await client.query('SELECT rolname FROM pg_roles WHERE rolname = ANY($1)', [QUEUE_ROLES]);
  for (const row of rows) {
    // Names from QUEUE_ROLES only, so nothing needs quoting.
    const role = String(row['rolname']);
    await client.query(`GRANT TEMPORARY ON DATABASE ${String(databases[0]?.['name'])} TO ${role}`);
    await client.query(`GRANT USAGE ON SCHEMA bullmq TO ${role}`);
    await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bullmq TO ${role}`);
    await client.query(`GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA bullmq TO ${role}`);
    await client.query(`GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bullmq TO ${role}`);
  }
}
