// `npm test`: set-up and build, then all three test projects. Words after `--` are passed on to Jest as file patterns.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail, run, setup } from './setup.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const patterns = process.argv.slice(2);

await setup().catch(fail);
const folder = mkdtempSync(join(tmpdir(), 'quayside-test-'));
const totals = { passed: 0, failed: 0 };
const atOnce = (most) => `--maxWorkers=${Math.min(availableParallelism(), most)}`;
await jest('unit-and-db', ['--selectProjects', 'unit', 'db', atOnce(8)]);
// The end-to-end specs start whole installations, which wait more than they compute: two at a time, and not beside the others.
await jest('e2e', ['--selectProjects', 'e2e', atOnce(2)]);
rmSync(folder, { recursive: true, force: true });
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;

async function jest(name, args) {
  const file = join(folder, `${name}.json`);
  const jestBin = join(root, 'node_modules/jest/bin/jest.js');
  // Patterns stand before the options: `--selectProjects` would take them for names of projects.
  const ended = await run(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings',
      jestBin,
      ...patterns,
      ...args,
      '--passWithNoTests',
      '--json',
      `--outputFile=${file}`,
    ],
    { env: { ...process.env, NODE_ENV: 'test' }, stdio: ['ignore', 'ignore', 'inherit'] },
  ).then(
    () => true,
    () => false,
  );
  const before = totals.failed;
  try {
    const result = JSON.parse(readFileSync(file, 'utf8'));
    totals.passed += result.numPassedTests;
    // A file that does not even load has no tests to count, and is a failure all the same.
    totals.failed += result.numFailedTests + result.numRuntimeErrorTestSuites;
  } catch {
    totals.failed += 1;
  }
  if (!ended && totals.failed === before) totals.failed += 1;
}
