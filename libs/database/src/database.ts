import { PrismaPg } from '@prisma/adapter-pg';
import { type ClientBase, type PoolConfig, types } from 'pg';
import { asDatabaseError } from './database-errors.js';
import { PrismaClient } from './generated/prisma/client.js';
import { PulsePool } from './pulse-pool.js';

export type DatabaseRole = 'quayside_api' | 'quayside_worker' | 'quayside_consumer';

export interface DatabaseOptions {
  readonly url: string;
  /** Least-privilege role that every connection takes on; none for migrations and tests. */
  readonly role?: DatabaseRole;
  /** Most connections of this process. */
  readonly poolSize?: number;
  readonly applicationName?: string;
  /** Longest a single statement may run. */
  readonly statementTimeoutMs?: number;
  /** Told of faults that no caller is waiting for: a dropped idle connection, a role that cannot be taken on. */
  readonly onWarning?: (message: string, cause?: unknown) => void;
}

/** A prepared statement: `name` is unique in the program, so that each connection parses it once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** What both the pool and a transaction can do. */
export interface Queryable {
  rows<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]>;
}

/**
 * The one connection pool of a process, with Prisma on top of it. `rows` is for the hot paths; it prepares statements
 * and turns a lost database into `database.unavailable`.
 */
export class Database implements Queryable {
  readonly pool: PulsePool;
  #prisma: PrismaClient | undefined;
  #closing: Promise<void> | undefined;

  constructor(readonly options: DatabaseOptions) {
    const warn = options.onWarning ?? (() => undefined);
    this.pool = new PulsePool(poolConfig(options, warn), {
      onSilent: () => warn('the database does not answer; what needs it is refused until it does'),
      onBack: () => warn('the database answers again'),
    });
    this.pool.on('error', (error) => warn('an idle database connection was lost', error));
  }

  /** Prisma on the same pool; made on first use, because the FTP workers never need it. */
  get prisma(): PrismaClient {
    this.#prisma ??= new PrismaClient({ adapter: new PrismaPg(this.pool) });
    return this.#prisma;
  }

  async rows<Row>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      const result = await this.pool.query({ ...statement, values: [...values] });
      return result.rows as Row[];
    } catch (error) {
      throw asDatabaseError(error);
    }
  }

  /** Ends every connection; waits for running statements. Safe to call more than once. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await this.#prisma?.$disconnect();
    await this.pool.end();
  }
}

export function openDatabase(options: DatabaseOptions): Database {
  return new Database(options);
}

function poolConfig(options: DatabaseOptions, warn: (message: string) => void): PoolConfig {
  const statementTimeoutMs = options.statementTimeoutMs ?? 15_000;
  return {
    connectionString: options.url,
    application_name: options.applicationName ?? options.role ?? 'quayside',
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    statement_timeout: statementTimeoutMs,
    lock_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: 2 * statementTimeoutMs,
    // Covers what the server cannot see: a connection whose other end has vanished.
    query_timeout: statementTimeoutMs + 5_000,
    types: { getTypeParser: typeParser },
    onConnect: takeRole(options.role, warn),
  };
}

/** Type of bigint columns in pg_type. */
const INT8 = 20;

/** Bigints are bytes and counts, capped at 2^53-1 by CHECK constraints, so they are numbers here. */
function typeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === INT8 && format !== 'binary') return Number;
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- any oid may come; its declaration names the usual ones
  return types.getTypeParser(oid, format);
}

const TAKE_ROLE = `
  SELECT set_config('role', rolname, false) FROM pg_roles
  WHERE rolname = $1
    AND pg_has_role(session_user, oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)`;

/**
 * `SET ROLE` on each new connection, where the role exists and may be taken. A start-up option would do the same, but
 * refuses the connection where the database user could not create roles (a managed PostgreSQL).
 */
function takeRole(role: DatabaseRole | undefined, warn: (message: string) => void): PoolConfig['onConnect'] {
  if (role === undefined) return undefined;
  let warned = false;
  // Its declaration says void, but pg-pool waits for the promise before it hands the connection out.
  const onConnect = async (client: ClientBase): Promise<void> => {
    const result = await client.query(TAKE_ROLE, [role]);
    if (result.rowCount === 1 || warned) return;
    warned = true;
    warn(`the database role ${role} cannot be taken on; going on with the rights of the database user`);
  };
  // oxlint-disable-next-line typescript/no-misused-promises -- see above
  return onConnect;
}
