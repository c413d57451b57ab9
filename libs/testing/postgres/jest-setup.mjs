// Jest globalSetup of the db project: one PostgreSQL for the whole run, its address in QUAYSIDE_TEST_POSTGRES.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

// oxlint-disable-next-line import/no-default-export -- Jest takes nothing else
export default async function setUp() {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./guardian.mjs', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // The guardian's Node needs none of the test runner's flags.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => ['{"error":"it exited"}'])]);
  lines.close();
  child.stdout.destroy();
  const { url, error } = JSON.parse(line);
  if (error !== undefined) throw new Error(`The test database could not be started: ${error}`);
  process.env.QUAYSIDE_TEST_POSTGRES = url;
  globalThis.quaysideTestPostgres = child;
}
