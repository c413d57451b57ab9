import { loadConfig } from '@quayside/config';
import { openDatabase, QuotaLedgerRepository, type RecountOutcome } from '@quayside/database';
import { newId } from '@quayside/domain';
import { exitFatally, FatalError, followSources } from '@quayside/supervisor';
import { type CountedSpace, recount } from './recount/recount.js';
import { SpaceBackends } from './storage/storage-resolver.js';

const SPACES = {
  name: 'recount_spaces',
  text: `SELECT id, tenant_id AS "tenantId", backend, root FROM space
         WHERE removed_at IS NULL AND (cardinality($1::uuid[]) = 0 OR id = ANY ($1::uuid[])) ORDER BY id`,
};

/** `recount-process.js [--repair] [space id …]`: compares ledgers and files; exit code 1 where drift is left. */
async function main(): Promise<void> {
  followSources();
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
    for (const space of await database.rows<CountedSpace & { tenantId: string }>(SPACES, [ids])) {
      const { verdict, ...sizes } = await recount(parts, space);
      if (verdict === 'equal') continue;
      const repairs = repair && verdict === 'drift';
      if (repairs) await repairLedger(parts.ledger, space, sizes);
      if (verdict === 'drift' && !repairs) process.exitCode = 1;
      const line = { spaceId: space.id, verdict: repairs ? 'repaired' : verdict, ...sizes };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
  } finally {
    backends.close();
    await database.close();
  }
}

async function repairLedger(
  ledger: QuotaLedgerRepository,
  { id: spaceId, tenantId }: { readonly id: string; readonly tenantId: string },
  { ledger: said, stored }: Omit<RecountOutcome, 'verdict'>,
): Promise<void> {
  const bytes = stored!.bytes - said!.bytes;
  const files = stored!.files - said!.files;
  await ledger.apply([{ eventId: newId(), tenantId, spaceId, bytes, files, transferId: null }]);
}

main().catch(exitFatally);
