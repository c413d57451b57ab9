import type { RecountedSpaceRecord, RecountRecord } from '@quayside/database';
import { z } from 'zod';
import { count, id, isoOrNull, shownCount, time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

export const recountInput = z
  .strictObject({
    space: id.optional().describe('Without one, all spaces of the tenant.'),
    repair: z.boolean().default(false).describe('Bring the ledger to what is stored where the two differ.'),
  })
  .meta({ id: 'RecountInput', examples: [{ repair: false }] });
export type RecountInput = z.output<typeof recountInput>;

export const recountQuery = z.strictObject(pageParameters);
export type RecountQuery = z.output<typeof recountQuery>;

const size = z.object({ bytes: count, files: count }).nullable();

const recountedSpace = z.object({
  space: id,
  name: z.string(),
  verdict: z
    .enum(['waiting', 'counting', 'equal', 'drift', 'repaired', 'busy', 'failed'])
    .describe('`busy`: it changed all the time, nothing can be said. `failed`: the files could not be read.'),
  ledger: size.describe('What the ledger said, before any repair.'),
  stored: size.describe('What the files are.'),
  drift: z
    .object({ bytes: z.int(), files: z.int() })
    .nullable()
    .describe('Stored less ledger; null where it is not known.'),
  countedAt: time.nullable(),
});

const recountFields = {
  id,
  space: id.nullable().describe('null: all spaces of the tenant.'),
  repair: z.boolean(),
  status: z.enum(['waiting', 'running', 'finished']),
  spaces: z.object({
    total: count,
    open: count.describe('Waiting or being counted.'),
    equal: count,
    drift: count,
    repaired: count,
    busy: count,
    failed: count,
  }),
  createdAt: time,
  finishedAt: time.nullable(),
};

export const recountSummary = z.object(recountFields).meta({ id: 'RecountSummary' });
export type RecountSummary = z.output<typeof recountSummary>;
export const recountPage = pageOf('RecountPage', recountSummary);

export const recountOut = z
  .object({
    ...recountFields,
    results: z.array(recountedSpace).describe('By space; what differs first.'),
    truncated: z.boolean().describe('Whether there are more spaces than `results` shows.'),
  })
  .meta({ id: 'Recount' });
export type RecountOut = z.output<typeof recountOut>;

export function presentSummary(row: RecountRecord): RecountSummary {
  const { waiting = 0, counting = 0, equal = 0, drift = 0, repaired = 0, busy = 0, failed = 0 } = row.verdicts;
  const done = equal + drift + repaired + busy + failed;
  const begun = counting + done > 0 ? 'running' : 'waiting';
  return {
    id: row.id,
    space: row.spaceId,
    repair: row.repair,
    status: row.finishedAt === null ? begun : 'finished',
    spaces: { total: waiting + counting + done, open: waiting + counting, equal, drift, repaired, busy, failed },
    createdAt: row.createdAt.toISOString(),
    finishedAt: isoOrNull(row.finishedAt),
  };
}

export function presentRecount(
  row: RecountRecord,
  results: readonly RecountedSpaceRecord[],
  truncated: boolean,
): RecountOut {
  return { ...presentSummary(row), results: results.map(presentSpace), truncated };
}

function presentSpace(row: RecountedSpaceRecord): RecountOut['results'][number] {
  const { ledgerBytes, ledgerFiles, storedBytes, storedFiles } = row;
  const known = ledgerBytes !== null && ledgerFiles !== null && storedBytes !== null && storedFiles !== null;
  return {
    space: row.spaceId,
    name: row.name,
    verdict: row.verdict,
    ledger: known ? { bytes: shownCount(ledgerBytes), files: shownCount(ledgerFiles) } : null,
    stored: known ? { bytes: storedBytes, files: storedFiles } : null,
    drift: known ? { bytes: storedBytes - ledgerBytes, files: storedFiles - ledgerFiles } : null,
    countedAt: isoOrNull(row.countedAt),
  };
}
