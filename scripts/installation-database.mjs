// The database of this installation, for the commands that look into it: DATABASE_URL, or the PostgreSQL that a running
// `npm start` has in DATA_DIR.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

export function installationDatabaseUrl() {
  if (process.env.DATABASE_URL) return process.env.DATABASE_URL;
  const dataDir = resolve(process.env.DATA_DIR ?? './data');
  const lock = join(dataDir, 'postgres/postmaster.pid');
  if (!existsSync(lock)) {
    console.error(`Start the installation first, or set DATABASE_URL: no PostgreSQL runs in ${dataDir}.`);
    process.exit(1);
  }
  const port = readFileSync(lock, 'utf8').split('\n')[3].trim();
  const password = readFileSync(join(dataDir, 'postgres-password'), 'utf8').trim();
  return `postgresql://quayside:${encodeURIComponent(password)}@127.0.0.1:${port}/quayside`;
}

/** A module of a built app. */
export function builtModule(app, path) {
  const file = join(root, 'dist/apps', app, path);
  if (existsSync(file)) return import(pathToFileURL(file).href);
  console.error('Build first: npm run build');
  return process.exit(1);
}
