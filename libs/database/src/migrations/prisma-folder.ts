import { createHash } from 'node:crypto';
import { access, readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SchemaFile } from './schema-engine.js';

/** The project's `prisma` folder as read from disk: what a database should look like, and the steps that lead there. */
export interface PrismaFolder {
  readonly path: string;
  readonly schema: readonly SchemaFile[];
  readonly migrations: readonly MigrationScript[];
  /** `migration_lock.toml`. */
  readonly lockfile: string;
  /** `roles.sql`. */
  readonly roles: string;
}

export interface MigrationScript {
  readonly name: string;
  readonly sql: string;
  /** SHA-256 in hex, as Prisma stores it. */
  readonly checksum: string;
}

export async function readPrismaFolder(path?: string): Promise<PrismaFolder> {
  const folder = path ?? (await findPrismaFolder());
  const schemaFolder = join(folder, 'schema');
  const schemaNames = (await readdir(schemaFolder)).filter((name) => name.endsWith('.prisma')).toSorted();
  const schema = schemaNames.map(async (name) => {
    const file = join(schemaFolder, name);
    return { path: file, content: await readFile(file, 'utf8') };
  });
  const entries = await readdir(join(folder, 'migrations'), { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
  const migrations = names.map(async (name) => {
    const sql = await readFile(join(folder, 'migrations', name, 'migration.sql'), 'utf8');
    return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
  return {
    path: folder,
    schema: await Promise.all(schema),
    migrations: await Promise.all(migrations),
    lockfile: await readFile(join(folder, 'migrations/migration_lock.toml'), 'utf8'),
    roles: await readFile(join(folder, 'roles.sql'), 'utf8'),
  };
}

/** Upwards from this file: the folder is at the project's root, and compiled files lie at different depths below it. */
async function findPrismaFolder(): Promise<string> {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const candidate = join(at, 'prisma');
    if (await exists(join(candidate, 'migrations/migration_lock.toml'))) return candidate;
    if (dirname(at) === at)
      throw new Error('The folder prisma/ with schema and migrations is missing; reinstall Quayside.');
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
