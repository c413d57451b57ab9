import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startEmptyDatabase } from '@quayside/testing';
import { Client, type QueryResultRow } from 'pg';
import { migrate } from './migrate.js';
import { readPrismaFolder } from './prisma-folder.js';
import { schemaSql } from './schema-sql.js';

jest.setTimeout(60_000);

let empty: Awaited<ReturnType<typeof startEmptyDatabase>>;
beforeEach(async () => {
  empty = await startEmptyDatabase();
});
afterEach(() => empty.stop());

async function sql<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: empty.url });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/**
 * Tables, columns, keys and indexes of the public schema, one line each; left out is what only the migrations say:
 * checks, partial indexes, partitions.
 */
const CATALOG = `
  SELECT line FROM (
    SELECT format('%s.%s %s %s default %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
      CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END, pg_get_expr(d.adbin, d.adrelid)) AS line
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'f', 'u')
    UNION ALL
    SELECT replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes
    WHERE schemaname = 'public' AND indexdef NOT LIKE '% WHERE %'
  ) lines WHERE line NOT LIKE '%\\_prisma\\_migrations%' ORDER BY line COLLATE "C"`;

async function catalogOf(url: string, before = ''): Promise<string[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(before);
    return (await client.query<{ line: string }>(CATALOG)).rows.map(({ line }) => line);
  } finally {
    await client.end();
  }
}

describe('migrate', () => {
  it('brings an empty database to exactly what the schema files say', async () => {
    const folder = await readPrismaFolder();
    const { applied } = await migrate({ url: empty.url });
    expect(applied).toEqual(folder.migrations.map(({ name }) => name));
    const plain = await startEmptyDatabase();
    try {
      await catalogOf(plain.url, await schemaSql(plain.url, folder));
      expect(await catalogOf(empty.url)).toEqual(await catalogOf(plain.url));
    } finally {
      await plain.stop();
    }
  });

  it('applies each migration once when several processes start together', async () => {
    const results = await Promise.all([1, 2, 3].map(() => migrate({ url: empty.url })));
    expect(results.filter(({ applied }) => applied.length > 0)).toHaveLength(1);
    const rows = await sql<{ checksum: string; finished: boolean }>(
      'SELECT checksum, finished_at IS NOT NULL AS finished FROM _prisma_migrations',
    );
    const { migrations } = await readPrismaFolder();
    expect(rows).toEqual(migrations.map(({ checksum }) => ({ checksum, finished: true })));
  });

  it('runs the steps of others before it grants the rights on their tables', async () => {
    await migrate({
      url: empty.url,
      afterMigrate: async (client) => {
        await client.query('CREATE SCHEMA IF NOT EXISTS bullmq; CREATE TABLE IF NOT EXISTS bullmq.job (id int)');
      },
    });
    const rows = await sql(
      `SELECT has_table_privilege('quayside_worker', 'bullmq.job', 'INSERT') AS worker,
              has_table_privilege('quayside_consumer', 'bullmq.job', 'DELETE') AS consumer,
              has_schema_privilege('quayside_api', 'bullmq', 'USAGE') AS api`,
    );
    expect(rows).toEqual([{ worker: true, consumer: true, api: false }]);
  });

  it('refuses a database that a newer build has migrated', async () => {
    await migrate({ url: empty.url });
    await sql(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ('x', 'x', '29990101000000_future', now(), 1)`,
    );
    await expect(migrate({ url: empty.url })).rejects.toThrow(/newer Quayside.*29990101000000_future/);
  });

  it('refuses a database with a migration that failed', async () => {
    await migrate({ url: empty.url });
    await sql('UPDATE _prisma_migrations SET finished_at = NULL');
    await expect(migrate({ url: empty.url })).rejects.toThrow(/failed earlier/);
  });

  it('refuses a database that is somebody else’s', async () => {
    await sql('CREATE TABLE wordpress (id int)');
    await expect(migrate({ url: empty.url })).rejects.toThrow(/has the table wordpress/);
  });

  it('says in one message that the database is down, without the password', async () => {
    const url = new URL(empty.url);
    url.port = '1';
    const failure = migrate({ url: url.href, connectTimeoutMs: 600 });
    await expect(failure).rejects.toThrow(/127\.0\.0\.1:1\/.*cannot be reached.*DATABASE_URL/);
    await expect(failure).rejects.not.toThrow(url.password);
  });

  it('makes the partitions of the months ahead and keeps what lies outside of them', async () => {
    await migrate({ url: empty.url });
    await sql(
      `INSERT INTO event (id, at, type, v, data) VALUES
       (gen_random_uuid(), now(), 'x', 1, '{}'), (gen_random_uuid(), '1999-01-01', 'x', 1, '{}')`,
    );
    const rows = await sql<{ part: string }>('SELECT tableoid::regclass::text AS part FROM event ORDER BY at');
    expect(rows[0]!.part).toBe('partitions.event_default');
    expect(rows[1]!.part).toMatch(/^partitions\.event_\d{4}_\d{2}$/);
    const [made] = await sql<{ ensure_partitions: number }>('SELECT ensure_partitions(6)');
    expect(made!.ensure_partitions).toBe(6);
  });
});

describe('the roles', () => {
  it('give each app what it needs and nothing more', async () => {
    await migrate({ url: empty.url });
    const rows = await sql<{ app: string; tables: string[] }>(
      `SELECT app, array_agg(c.relname::text ORDER BY c.relname) FILTER (WHERE has_table_privilege(app, c.oid, 'SELECT')) AS tables
       FROM unnest(ARRAY['quayside_worker', 'quayside_consumer']) app, pg_class c
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY app`,
    );
    const readable = new Map(rows.map(({ app, tables }) => [app, tables]));
    for (const hidden of ['api_key', 'idempotency_key', 'audit_entry', 'event', 'transfer_log', 'outbox']) {
      expect(readable.get('quayside_worker')).not.toContain(hidden);
    }
    for (const hidden of ['api_key', 'idempotency_key', 'audit_entry', 'credential', 'tenant_domain']) {
      expect(readable.get('quayside_consumer')).not.toContain(hidden);
    }
    const [rights] = await sql(
      `SELECT has_table_privilege('quayside_api', 'audit_entry', 'UPDATE') AS rewrite_audit,
              has_table_privilege('quayside_api', 'event', 'INSERT') AS forge_event,
              has_column_privilege('quayside_worker', 'quota_ledger', 'bytes_limit', 'UPDATE') AS raise_limit,
              has_column_privilege('quayside_worker', 'quota_ledger', 'bytes_used', 'UPDATE') AS count_bytes`,
    );
    expect(rights).toEqual({ rewrite_audit: false, forge_event: false, raise_limit: false, count_bytes: true });
  });
});
