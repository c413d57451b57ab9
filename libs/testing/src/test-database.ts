import { randomBytes } from 'node:crypto';
import { type Database, type DatabaseRole, migrate, openDatabase } from '@quayside/database';
import { Client } from 'pg';

const TEMPLATE = 'quayside_template';

/** A database of one spec file, migrated and empty. */
export interface TestDatabase {
  readonly url: string;
  /** With all rights and no role. */
  readonly database: Database;
  /** Another pool on it, e.g. to look at it with the rights of an app; closed by `stop`. */
  open(role?: DatabaseRole, poolSize?: number): Database;
  /** Closes the pools and drops the database. */
  stop(): Promise<void>;
}

/**
 * A fresh database for a spec file of Jest's db project, copied from a migrated template in about 100 ms. Call it in
 * `beforeAll` and `stop` in `afterAll`; the server itself comes and goes with the test run.
 */
export async function startTestDatabase(): Promise<TestDatabase> {
  const server = process.env['QUAYSIDE_TEST_POSTGRES'];
  if (server === undefined) {
    throw new Error('There is no test PostgreSQL here: name the spec *.db-spec.ts, so that it runs in the db project.');
  }
  const name = `test_${randomBytes(6).toString('hex')}`;
  await withClient(server, async (client) => {
    await ensureTemplate(server, client);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  });
  const url = urlOf(server, name);
  const pools: Database[] = [];
  const open = (role?: DatabaseRole, poolSize = 10): Database => {
    const opened = openDatabase({ url, role, poolSize });
    pools.push(opened);
    return opened;
  };
  return {
    url,
    database: open(),
    open,
    async stop() {
      await Promise.all(pools.map((pool) => pool.close()));
      await withClient(server, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

/** An empty database without any table, for specs about migrations. */
export async function startEmptyDatabase(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = process.env['QUAYSIDE_TEST_POSTGRES'];
  if (server === undefined) throw new Error('There is no test PostgreSQL here.');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await withClient(server, (client) => client.query(`CREATE DATABASE ${name}`));
  return {
    url: urlOf(server, name),
    async stop() {
      await withClient(server, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

/** Made by the first spec file that needs it; the others wait for it. It is renamed last, so half of one is never used. */
async function ensureTemplate(server: string, client: Client): Promise<void> {
  await client.query(`SELECT pg_advisory_lock(hashtext('${TEMPLATE}'))`);
  try {
    const existing = await client.query('SELECT FROM pg_database WHERE datname = $1', [TEMPLATE]);
    if (existing.rowCount !== 0) return;
    const draft = `${TEMPLATE}_draft`;
    await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${draft}`);
    await migrate({ url: urlOf(server, draft) });
    await client.query(`ALTER DATABASE ${draft} RENAME TO ${TEMPLATE}`);
  } finally {
    await client.query(`SELECT pg_advisory_unlock(hashtext('${TEMPLATE}'))`);
  }
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function urlOf(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
