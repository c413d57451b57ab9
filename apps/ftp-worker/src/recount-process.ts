import { loadConfig } from '@quayside/config';
import { openDatabase, QuotaLedgerRepository } from '@quayside/database';
import { exitFatally, FatalError } from '@quayside/supervisor';
import { type CountedSpace, recount } from './recount/recount.js';
import { SpaceBackends } from './storage/storage-resolver.js';

const SPACES = {
  name: 'recount_spaces',
  text: `SELECT id, tenant_id AS "tenantId", backend, root FROM space
         WHERE removed_at IS NULL AND (cardinality($1::uuid[]) = 0 OR id = ANY ($1::uuid[])) ORDER BY id`,
};

/** `recount-process.js [--repair] [space id …]`: compares ledgers and files; exit code 1 where drift is left. */
async function main(): Promise<void> {
  const config = loadConfig(process.env);
  if (config.database.url === undefined) {
    throw new FatalError('DATABASE_URL is not set. Set it to the PostgreSQL of this installation.');
  }
  const repair = process.argv.includes('--repair');
  const ids = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const database = openDatabase({ url: config.database.url, role: 'quayside_worker', poolSize: 2 });
  const backends = new SpaceBackends(config.storage.root);
  const parts = {
    ledger: new QuotaLedgerRepository(database),
    backendFor: (space: Parameters<SpaceBackends['backendFor']>[0]) => backends.backendFor(space),
  };
  try {
    for (const space of await database.rows<CountedSpace>(SPACES, [ids])) {
      const count = await recount(parts, space, repair);
      if (count.verdict === 'drift') process.exitCode = 1;
      if (count.verdict !== 'equal') process.stdout.write(`${JSON.stringify(count)}\n`);
    }
  } finally {
    backends.close();
    await database.close();
  }
}

main().catch(exitFatally);
