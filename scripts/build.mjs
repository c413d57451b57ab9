// Builds the four apps with the Nest CLI into dist/apps/<app>, two at a time, makes one file of each process, and notes
// what they were built from.
import './check-node.mjs';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'dist/sources.sha256');
const APPS = ['api', 'ftp-worker', 'event-consumer', 'standalone'];
const AT_ONCE = 2;

export function buildIsCurrent() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === fingerprintOfSources();
}

export async function build() {
  const fingerprint = fingerprintOfSources();
  rmSync(stamp, { force: true });
  const waiting = [...APPS];
  const faults = [];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let app = waiting.shift(); app !== undefined; app = waiting.shift()) {
        const fault = (await compileApp(app)) ?? (await bundleApp(app));
        if (fault !== null) faults.push(`${app}:\n${fault}`);
      }
    }),
  );
  if (faults.length > 0) throw new Error(`The build failed.\n${faults.join('\n')}`);
  writeFileSync(stamp, `${fingerprint}\n`);
}

/** Null, or what the compiler had to say. */
function compileApp(app) {
  rmSync(join(root, 'dist/apps', app), { recursive: true, force: true });
  const nest = join(root, 'node_modules/@nestjs/cli/bin/nest.js');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [nest, 'build', app], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      const entry = join(root, 'dist/apps', app, 'apps', app, 'src/main.js');
      const built = code === 0 && existsSync(entry);
      resolve(built ? null : Buffer.concat(output).toString('utf8') || `exit code ${code}, no ${entry}`);
    });
  });
}

/** Null, or what the bundler had to say. Its package is asked for here: a fresh clone has none before it is set up. */
async function bundleApp(app) {
  const { bundle } = await import('./bundle.mjs');
  return bundle(join(root, 'dist/apps', app, 'apps', app, 'src')).then(
    () => null,
    (error) => error.message,
  );
}

/** Hash over the names and contents of everything that a build reads; specs are not part of it. */
function fingerprintOfSources() {
  const hash = createHash('sha256').update(process.versions.node.split('.')[0]);
  const files = ['tsconfig.json', 'nest-cli.json', 'package-lock.json', 'scripts/bundle.mjs'];
  for (const folder of ['apps', 'libs']) files.push(...filesBelow(folder));
  for (const file of files.toSorted()) {
    hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

function filesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return filesBelow(path);
    return /\.(ts|json)$/.test(path) && !/[.-]spec\.ts$/.test(path) ? [path] : [];
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await build().catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
}
