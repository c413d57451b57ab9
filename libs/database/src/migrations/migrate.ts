import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { isUnavailable } from '../database-errors.js';
import { MigrationError } from './migration-error.js';
import { type PrismaFolder, readPrismaFolder } from './prisma-folder.js';
import { openSchemaEngine } from './schema-engine.js';

/** Two 32-bit keys of the advisory lock; "quay" in ASCII, and 1 for migrations. */
const LOCK = [0x71756179, 1] as const;
const MINIMUM_POSTGRES = 140_000;

export interface MigrateOptions {
  readonly url: string;
  /**
   * Steps of other owners of tables in the same database (the queue), run under the same lock, each time, before rights
   * are granted.
   */
  readonly afterMigrate?: (client: Client) => Promise<void>;
  readonly log?: (message: string) => void;
  /** How long to wait for a database that does not answer. */
  readonly connectTimeoutMs?: number;
  /** How long to wait for another process that migrates. */
  readonly lockTimeoutMs?: number;
  /** The `prisma` folder; found by itself in a checkout and in the image. */
  readonly folder?: string;
}

export interface MigrateResult {
  /** Names of the migrations that were applied now. */
  readonly applied: readonly string[];
}

/**
 * Bring a database to the state of this build: migrations, partitions, roles. Any number of processes may call it at
 * once; one works, the others wait for it. Throws MigrationError with a message that says what to do.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const log = options.log ?? (() => undefined);
  const folder = await readPrismaFolder(options.folder);
  const client = await connect(options);
  client.on('notice', (notice) => {
    if (notice.severity === 'WARNING') log(notice.message ?? '');
  });
  try {
    await assertVersion(client);
    await lock(client, options.lockTimeoutMs ?? 120_000);
    const pending = await pendingMigrations(client, folder);
    if (pending.length > 0) {
      log(`applying ${pending.length} database migration(s): ${pending.join(', ')}`);
      await applyMigrations(options.url, folder);
    }
    await client.query('SELECT ensure_partitions(3)');
    await options.afterMigrate?.(client);
    await client.query(folder.roles);
    return { applied: pending };
  } catch (error) {
    if (isUnavailable(error))
      throw new MigrationError(`The database was lost during the migration: ${reason(error)}`, error);
    throw error;
  } finally {
    // Ends the session and with it the advisory lock.
    await client.end().catch(() => undefined);
  }
}

async function connect(options: MigrateOptions): Promise<Client> {
  const deadline = performance.now() + (options.connectTimeoutMs ?? 10_000);
  for (let attempt = 1; ; attempt++) {
    const left = Math.max(deadline - performance.now(), 500);
    const client = new Client({
      connectionString: options.url,
      application_name: 'quayside migrate',
      connectionTimeoutMillis: left,
    });
    // Without a listener, a connection that breaks between two statements would end the process.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      const backoffMs = Math.min(100 * 2 ** attempt, 2_000);
      if (!isUnavailable(error) || performance.now() + backoffMs > deadline) {
        throw new MigrationError(
          `The database at ${placeOf(options.url)} cannot be reached: ${reason(error)}. ` +
            'Start PostgreSQL or correct DATABASE_URL, then start again.',
          error,
        );
      }
      await delay(backoffMs);
    }
  }
}

async function assertVersion(client: Client): Promise<void> {
  const { rows } = await client.query<{ number: number; text: string }>(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS text`,
  );
  if (rows[0]!.number < MINIMUM_POSTGRES) {
    throw new MigrationError(
      `The database server is PostgreSQL ${rows[0]!.text}; Quayside needs 14 or newer. Upgrade it.`,
    );
  }
}

async function lock(client: Client, timeoutMs: number): Promise<void> {
  try {
    await client.query(`SET lock_timeout = ${Math.round(timeoutMs)}`);
    await client.query('SELECT pg_advisory_lock($1, $2)', [...LOCK]);
    await client.query('SET lock_timeout = 0');
  } catch (error) {
    throw new MigrationError(
      'Another process has been migrating this database for too long. Find it in pg_stat_activity ' +
        '(application_name "quayside migrate"), end it, then start again.',
      error,
    );
  }
}

interface AppliedMigration {
  readonly migration_name: string;
  readonly finished_at: Date | null;
}

/** By plain SQL, because a start with nothing to do should not wait for the schema engine to load. */
async function pendingMigrations(client: Client, folder: PrismaFolder): Promise<string[]> {
  const exists = await client.query(`SELECT 1 WHERE to_regclass('public._prisma_migrations') IS NOT NULL`);
  if (exists.rowCount === 0) {
    await assertEmpty(client);
    return folder.migrations.map(({ name }) => name);
  }
  const { rows } = await client.query<AppliedMigration>(
    'SELECT migration_name, finished_at FROM public._prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at',
  );
  const known = new Set(folder.migrations.map(({ name }) => name));
  const newer = rows.filter((row) => !known.has(row.migration_name)).map((row) => row.migration_name);
  if (newer.length > 0) {
    throw new MigrationError(
      `The database was migrated by a newer Quayside (it has ${newer.join(', ')}, which this build does not know). ` +
        'Install that version or a later one, or restore a backup made before the upgrade.',
    );
  }
  const failed = rows.filter((row) => row.finished_at === null).map((row) => row.migration_name);
  if (failed.length > 0) {
    throw new MigrationError(
      `The migration ${failed.join(', ')} failed earlier and left the database between two states. Restore the backup ` +
        'made before it, or repair by hand and mark it with "npx prisma migrate resolve"; then start again.',
    );
  }
  const applied = new Set(rows.map((row) => row.migration_name));
  return folder.migrations.map(({ name }) => name).filter((name) => !applied.has(name));
}

async function assertEmpty(client: Client): Promise<void> {
  const { rows } = await client.query<{ relname: string }>(
    `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e') LIMIT 3`,
  );
  if (rows.length === 0) return;
  throw new MigrationError(
    `The database is not empty and not Quayside's (it has the table ${rows[0]!.relname}). Name an empty database in DATABASE_URL.`,
  );
}

async function applyMigrations(url: string, folder: PrismaFolder): Promise<void> {
  const opened = await openSchemaEngine(url, folder.schema);
  try {
    await opened.engine.applyMigrations({
      migrationsList: {
        baseDir: `${folder.path}/migrations`,
        lockfile: { path: 'migration_lock.toml', content: folder.lockfile },
        shadowDbInitScript: '',
        migrationDirectories: folder.migrations.map(({ name, sql }) => ({
          path: name,
          migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
        })),
      },
      filters: { externalTables: [], externalEnums: [] },
    });
  } catch (error) {
    throw new MigrationError(`A database migration failed: ${reason(error)}`, error);
  } finally {
    await opened.close();
  }
}

/** Host, port and database of a URL: what a message may say. */
function placeOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  } catch {
    return 'DATABASE_URL (which is not a URL)';
  }
}

function reason(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reason).join('; ');
  return error instanceof Error ? error.message : String(error);
}
