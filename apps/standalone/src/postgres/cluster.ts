import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FatalError } from '@quayside/supervisor';
import type { Binaries } from './binaries.js';
import type { ServerUser } from './server-user.js';

/** The name of the superuser and of the database. */
export const DATABASE_NAME = 'quayside';
/** The major version of the server that the npm package brings. */
const SERVER_MAJOR = '18';

/** Makes the cluster on first use; refuses one of another major version, because the server would. */
export async function ensureCluster(
  folder: string,
  binaries: Binaries,
  user: ServerUser,
  password: string,
): Promise<void> {
  const versionFile = join(folder, 'PG_VERSION');
  if (existsSync(versionFile)) {
    const version = readFileSync(versionFile, 'utf8').trim();
    if (version === SERVER_MAJOR) return;
    throw new FatalError(
      `${folder} was made by PostgreSQL ${version}; this installation brings PostgreSQL ${SERVER_MAJOR}. Move the data with pg_dump and pg_restore, or run the version of Quayside that made it.`,
    );
  }
  // Made beside and renamed when complete: an interrupted initdb leaves nothing that looks like a cluster.
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o700 });
  if (user.ids !== null) chownSync(fresh, user.ids.uid, user.ids.gid);
  await initdb(fresh, binaries, user, password);
  renameSync(fresh, folder);
}

async function initdb(folder: string, binaries: Binaries, user: ServerUser, password: string): Promise<void> {
  const secrets = mkdtempSync(join(tmpdir(), 'quayside-initdb-'));
  const passwordFile = join(secrets, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user.ids !== null) {
    chownSync(secrets, user.ids.uid, user.ids.gid);
    chownSync(passwordFile, user.ids.uid, user.ids.gid);
  }
  const reach = reachFolder(folder, user);
  try {
    const child = spawn(
      binaries.initdb,
      [
        `--pgdata=${reach.path}`,
        `--username=${DATABASE_NAME}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--no-instructions',
      ],
      { ...user.ids, cwd: '/', env: serverEnvironment(), stdio: ['ignore', 'pipe', 'pipe', reach.fd ?? 'ignore'] },
    );
    const output: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => output.push(chunk));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) {
      throw new FatalError(
        `The embedded PostgreSQL could not be set up in ${folder}:\n${Buffer.concat(output).toString('utf8').trim()}`,
      );
    }
  } finally {
    reach.close();
    rmSync(secrets, { recursive: true, force: true });
  }
}

/** A folder in the words of a process of the server user. */
export interface ReachableFolder {
  readonly path: string;
  /** To be the child's descriptor 3. */
  readonly fd: number | null;
  close(): void;
}

/**
 * The server's user may have no right to pass the folders above (root's home is 700). Its processes inherit the open
 * folder itself as descriptor 3 and name it so, which asks for no right on the way.
 */
export function reachFolder(folder: string, user: ServerUser): ReachableFolder {
  if (user.ids === null || process.platform !== 'linux') return { path: folder, fd: null, close: () => undefined };
  const fd = openSync(folder, 'r');
  return { path: '/proc/self/fd/3', fd, close: () => closeSync(fd) };
}

/** The server's messages are read by this program: they must be in English. Nothing else is passed on to it. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], TZ: 'UTC', LC_ALL: 'C' };
}
