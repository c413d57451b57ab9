// Generates the Prisma client from prisma/schema, offline, and only when the schema or Prisma itself has changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const schemaFolder = join(root, 'prisma/schema');
const output = join(root, 'libs/database/src/generated/prisma');
const stamp = join(root, 'libs/database/src/generated/prisma.sha256');

const fingerprint = fingerprintOfInputs();
if (existsSync(join(output, 'client.ts')) && existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === fingerprint) {
  process.exit(0);
}

rmSync(stamp, { force: true });
const prisma = join(root, 'node_modules/prisma/build/index.js');
const run = spawnSync(process.execPath, [prisma, 'generate'], {
  cwd: root,
  encoding: 'utf8',
  env: {
    ...process.env,
    // `generate` wants the native schema engine only to exist and would download it; any executable file does.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  },
});
if (run.status !== 0) {
  console.error(`The Prisma client could not be generated.\n${run.stdout}${run.stderr}${run.error ?? ''}`);
  process.exit(1);
}
mkdirSync(dirname(stamp), { recursive: true });
writeFileSync(stamp, `${fingerprint}\n`);

function fingerprintOfInputs() {
  const hash = createHash('sha256');
  for (const name of readdirSync(schemaFolder).toSorted()) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(schemaFolder, name)))
      .update('\0');
  }
  hash.update(readFileSync(join(root, 'node_modules/prisma/package.json')));
  return hash.digest('hex');
}
