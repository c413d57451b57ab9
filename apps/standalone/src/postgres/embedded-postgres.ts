import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { eachLine, FatalError, stepBack } from '@quayside/supervisor';
import { findBinaries, type Binaries } from './binaries.js';
import { DATABASE_NAME, ensureCluster, reachFolder, serverEnvironment } from './cluster.js';
import { serverPid, stopLeftoverServer } from './leftover.js';
import { serverUser, type ServerUser } from './server-user.js';

const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 30_000;
const MAX_RESTARTS_IN_A_ROW = 8;

/**
 * Runs the server and ends it when the pipe at its standard input closes, which also happens when this program is
 * killed. The server is a background job so that the shell can wait for either.
 */
const GUARD = `
exec 4<&0 </dev/null
"$@" 4<&- &
server=$!
( cat <&4 >/dev/null 2>&1; kill -INT $server ) 2>/dev/null &
watch=$!
wait $server
code=$?
kill $watch 2>/dev/null
exit $code
`;

export interface EmbeddedPostgresOptions {
  /** The cluster's folder. */
  readonly folder: string;
  readonly password: string;
  /** Connections that the apps of this installation open at most. */
  readonly maxConnections: number;
  /** Steps behind this process where processors are short. */
  readonly niceness: number;
  readonly onLine: (line: string) => void;
  readonly onCrash: (how: string) => void;
  readonly onFatal: (message: string) => void;
}

/** The PostgreSQL server of a standalone installation, on a loopback port of its own. */
export class EmbeddedPostgres {
  private child: ChildProcess | undefined;
  private port = 0;
  private stopping = false;
  private hasServed = false;
  private restartsInARow = 0;
  private lastLines: string[] = [];

  private constructor(
    private readonly options: EmbeddedPostgresOptions,
    private readonly user: ServerUser,
    private readonly binaries: Binaries,
  ) {}

  /** Makes the cluster where there is none, starts the server and resolves when it takes connections. */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    if (process.platform === 'win32') {
      throw new FatalError('The embedded PostgreSQL is not supported on Windows: use WSL or set DATABASE_URL.');
    }
    const user = serverUser(options.folder);
    const binaries = findBinaries(user);
    const postgres = new EmbeddedPostgres(options, user, binaries);
    try {
      await ensureCluster(options.folder, binaries, user, options.password);
      await stopLeftoverServer(options.folder);
      postgres.port = await freeLoopbackPort();
      await postgres.launch();
      await postgres.ensureDatabase();
    } catch (error) {
      await postgres.stop();
      throw error;
    }
    return postgres;
  }

  url(database = DATABASE_NAME): string {
    return `postgresql://${DATABASE_NAME}:${encodeURIComponent(this.options.password)}@127.0.0.1:${this.port}/${database}`;
  }

  /** The postmaster's pid, for those who look after processes. */
  get pid(): number | null {
    return serverPid(this.options.folder);
  }

  /** Fast shutdown; resolves when the server is gone. */
  async stop(): Promise<void> {
    this.stopping = true;
    const child = this.child;
    if (child !== undefined) {
      const closed = once(child, 'close');
      const impatience = setTimeout(() => this.killServer(), STOP_DEADLINE_MS);
      child.stdin?.destroy();
      await closed;
      clearTimeout(impatience);
    }
    this.binaries.dispose();
  }

  private async launch(): Promise<void> {
    const reach = reachFolder(this.options.folder, this.user);
    const child = spawn(
      '/bin/sh',
      ['-c', GUARD, 'quayside-postgres', this.binaries.postgres, ...this.flags(reach.path)],
      {
        ...this.user.ids,
        cwd: '/',
        env: serverEnvironment(),
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe', reach.fd ?? 'ignore'],
      },
    );
    stepBack(child.pid, this.options.niceness);
    this.child = child;
    // Closing the pipe of a guard that is gone already is no fault.
    child.stdin?.on('error', () => undefined);
    reach.close();
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new FatalError(`The embedded PostgreSQL did not start within ${START_DEADLINE_MS / 1000} s.`));
        child.stdin?.destroy();
      }, START_DEADLINE_MS);
      const onLine = (line: string): void => {
        this.options.onLine(line);
        this.lastLines = [...this.lastLines.slice(-9), line];
        if (line.includes('database system is ready to accept connections')) {
          clearTimeout(late);
          this.restartsInARow = 0;
          resolve();
        }
      };
      if (child.stdout) eachLine(child.stdout, onLine);
      if (child.stderr) eachLine(child.stderr, onLine);
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(late);
        this.child = undefined;
        reject(new FatalError(`The embedded PostgreSQL ended at its start:\n${this.lastLines.join('\n')}`));
        this.ended(signal === null ? `exit code ${code}` : `signal ${signal}`);
      });
    });
    this.hasServed = true;
  }

  /** The apps know the port, so a server that died must come back on the same one. */
  private ended(how: string): void {
    if (this.stopping || !this.hasServed) return;
    this.options.onCrash(how);
    this.restartsInARow += 1;
    if (this.restartsInARow > MAX_RESTARTS_IN_A_ROW) {
      this.options.onFatal(`The embedded PostgreSQL does not start any more:\n${this.lastLines.join('\n')}`);
      return;
    }
    const pauseMs = Math.min(100 * 2 ** (this.restartsInARow - 1), 5_000);
    setTimeout(() => {
      if (this.stopping) return;
      // A failed attempt has its 'close' as well, which plans the next one.
      stopLeftoverServer(this.options.folder)
        .then(() => this.launch())
        .catch(() => undefined);
    }, pauseMs);
  }

  private async ensureDatabase(): Promise<void> {
    const client = new Client({ connectionString: this.url('postgres') });
    await client.connect();
    try {
      const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE_NAME]);
      if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE_NAME}`);
    } finally {
      await client.end();
    }
  }

  private killServer(): void {
    const pid = serverPid(this.options.folder);
    if (pid !== null) process.kill(pid, 'SIGQUIT');
  }

  private flags(folder: string): string[] {
    const settings: Record<string, string | number> = {
      listen_addresses: '127.0.0.1',
      port: this.port,
      unix_socket_directories: '',
      max_connections: this.options.maxConnections,
      shared_buffers: '128MB',
      // One machine, no replicas: the least WAL, and no processes that only replicas need.
      wal_level: 'minimal',
      max_wal_senders: 0,
      max_wal_size: '1GB',
      checkpoint_timeout: '15min',
      io_method: 'sync',
      jit: 'off',
      timezone: 'UTC',
      log_timezone: 'UTC',
      log_checkpoints: 'off',
      log_line_prefix: '',
      // Statements may hold what belongs to customers; the apps log their own failures.
      log_min_error_statement: 'panic',
    };
    return ['-D', folder, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  }
}

async function freeLoopbackPort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Where the cluster of a data folder is. */
export function clusterFolder(dataDir: string): string {
  return join(dataDir, 'postgres');
}
