// Brings a clone to the point where it can run: dependencies, generated code, build. What is there already is left
// alone, so that a second start costs next to nothing. Only Node's own modules: there is nothing else on a fresh clone.
import './check-node.mjs';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Throws an Error whose message says what to do. */
export async function setup() {
  if (!dependenciesAreInstalled()) {
    await step('Installing dependencies (the first time this takes a minute)', npmCi);
  }
  await run(process.execPath, [join(root, 'scripts/generate.mjs')]);
  const { buildIsCurrent, build } = await import('./build.mjs');
  if (!buildIsCurrent()) await step('Building', build);
}

async function step(title, work) {
  const startedAt = Date.now();
  console.log(`${title} ...`);
  await work();
  console.log(`  done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

/** Compares the lock file with what npm itself has noted about node_modules; npm writes that note last. */
function dependenciesAreInstalled() {
  let installed;
  try {
    installed = JSON.parse(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8')).packages;
  } catch {
    return false;
  }
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const present = installed[path];
    // Packages for other platforms are in the lock file and rightly absent here.
    if (present === undefined) return entry.optional === true || entry.devOptional === true;
    return present.version === entry.version;
  });
}

async function npmCi() {
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  try {
    if (npm?.endsWith('js')) await run(process.execPath, [npm, ...args]);
    else await run('npm', args);
  } catch (error) {
    throw new Error(
      `The dependencies could not be installed (${error.message}). Check the connection to the npm registry and the free disk space, then start again.`,
      { cause: error },
    );
  }
}

/** Runs a program in the project's folder with this terminal. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
  });
}

/** Ends a script with the message of a failure and no stack: the messages of these scripts say what to do. */
export function fail(error) {
  console.error(`\n${error.message}`);
  process.exit(1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await setup().catch(fail);
