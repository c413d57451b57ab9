import type { UsageRecord } from '@quayside/database';
import { isId } from '@quayside/domain';
import { z } from 'zod';
import { accountFilter } from '../http/account-filter.js';
import { count, id, moment, time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';
import type { Position } from '../http/cursor.js';

const rangeParameters = {
  ...pageParameters,
  from: moment.describe('First instant, UTC; must begin a period. Without `from` and `to`: what is held now.'),
  to: moment.describe('First instant that is not wanted; must begin a period.'),
  granularity: z.enum(['hour', 'day', 'month']).default('day').describe('Periods are UTC.'),
  format: z.enum(['json', 'csv']).optional().describe('`csv` gives the whole range at once; so does Accept: text/csv.'),
};

export const tenantUsageQuery = z.strictObject({
  ...rangeParameters,
  account: accountFilter,
  space: id.optional(),
  by: z.enum(['account', 'space']).optional().describe('A row for each, instead of one for all.'),
});
export type TenantUsageQuery = z.output<typeof tenantUsageQuery>;

export const platformUsageQuery = z.strictObject({
  ...rangeParameters,
  by: z.enum(['tenant', 'account', 'space']).optional().describe('A row for each, instead of one for all.'),
});
export type PlatformUsageQuery = z.output<typeof platformUsageQuery>;

const traffic = z.object({ up: count, down: count });

export const usagePeriod = z
  .object({
    start: time,
    end: time,
    id: id.nullable().describe('With `by`: of the tenant, account or space; null for what belongs to none.'),
    name: z.string().nullable().describe('Its present name; null where it is gone.'),
    uploads: count,
    downloads: count,
    failures: count.describe('Transfers that failed or were aborted.'),
    deletes: count,
    logins: count,
    loginFailures: count,
    bytes: z.object({ ftp: traffic, ftps: traffic, total: traffic }).describe('On data connections, by protocol.'),
    peakSessions: count
      .nullable()
      .describe('Most sessions at once, those that still run as well; null where it is not told apart.'),
    storage: z
      .object({
        bytes: z.int().describe('At the end of the period.'),
        files: z.int(),
        byteHours: z.string().describe('Exact to three decimals, as text: it may be above 2^53.'),
      })
      .nullable()
      .describe('null by account: files belong to spaces.'),
    closed: z.boolean().describe('Whether it can no longer change.'),
  })
  .meta({ id: 'UsagePeriod' });
export type UsagePeriod = z.output<typeof usagePeriod>;

export const usageReport = pageOf('UsageReport', usagePeriod);

const NIL = '00000000-0000-0000-0000-000000000000';

export function presentPeriod(row: UsageRecord, peak: number | null, withStorage: boolean): UsagePeriod {
  const total = { up: row.bytesUp, down: row.bytesDown };
  const ftps = { up: row.bytesUpFtps, down: row.bytesDownFtps };
  return {
    start: row.start.toISOString(),
    end: row.stop.toISOString(),
    id: row.key === NIL ? null : row.key,
    name: row.name,
    uploads: row.uploads,
    downloads: row.downloads,
    failures: row.failures,
    deletes: row.deletes,
    logins: row.logins,
    loginFailures: row.loginFailures,
    bytes: { ftp: { up: total.up - ftps.up, down: total.down - ftps.down }, ftps, total },
    peakSessions: peak,
    storage: withStorage
      ? { bytes: row.storedBytes, files: row.storedFiles, byteHours: byteHours(row.storedByteMs) }
      : null,
    closed: row.closed,
  };
}

export function isPeriodPosition(position: Position): boolean {
  const [start, key] = position;
  return (
    position.length === 2 &&
    Number.isSafeInteger(start) &&
    Math.abs(start as number) < 8e15 &&
    typeof key === 'string' &&
    isId(key)
  );
}

/** Byte-milliseconds as byte-hours, rounded to thousandths. */
function byteHours(byteMs: string): string {
  const thousandths = (BigInt(byteMs) * 1_000n + 1_800_000n) / 3_600_000n;
  const sign = thousandths < 0n ? '-' : '';
  const digits = String(thousandths < 0n ? -thousandths : thousandths).padStart(4, '0');
  return `${sign}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}
