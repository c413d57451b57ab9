import { Injectable, type StreamableFile } from '@nestjs/common';
import {
  AccountRepository,
  type UsageGranularity,
  type UsageQueryFacts,
  type UsageRecord,
  UsageRepository,
} from '@quayside/database';
import { DomainError } from '@quayside/domain';
import { resolveAccount } from '../http/account-filter.js';
import { type Column, exportList } from '../http/export.js';
import { type Page, readPage } from '../http/page.js';
import {
  isPeriodPosition,
  type PlatformUsageQuery,
  presentPeriod,
  type TenantUsageQuery,
  type UsagePeriod,
} from './usage-report.schema.js';

const NIL = '00000000-0000-0000-0000-000000000000';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longest ranges, so that no call computes without bound. */
const LONGEST_MS: Readonly<Record<UsageGranularity, number>> = {
  hour: 31 * DAY_MS,
  day: 366 * DAY_MS,
  month: 3660 * DAY_MS,
};

const COLUMNS: readonly Column<UsagePeriod>[] = [
  ['start', (row) => row.start],
  ['end', (row) => row.end],
  ['id', (row) => row.id],
  ['name', (row) => row.name],
  ['uploads', (row) => row.uploads],
  ['downloads', (row) => row.downloads],
  ['failures', (row) => row.failures],
  ['deletes', (row) => row.deletes],
  ['logins', (row) => row.logins],
  ['loginFailures', (row) => row.loginFailures],
  ['ftpBytesUp', (row) => row.bytes.ftp.up],
  ['ftpBytesDown', (row) => row.bytes.ftp.down],
  ['ftpsBytesUp', (row) => row.bytes.ftps.up],
  ['ftpsBytesDown', (row) => row.bytes.ftps.down],
  ['peakSessions', (row) => row.peakSessions],
  ['storedBytes', (row) => row.storage?.bytes ?? null],
  ['storedFiles', (row) => row.storage?.files ?? null],
  ['storedByteHours', (row) => row.storage?.byteHours ?? null],
  ['closed', (row) => row.closed],
];

/** Usage over time, for dashboards and invoices. */
@Injectable()
export class UsageReportService {
  constructor(
    private readonly usage: UsageRepository,
    private readonly accounts: AccountRepository,
  ) {}

  async ofTenant(tenantId: string, query: TenantUsageQuery, csv: boolean): Promise<Page<UsagePeriod> | StreamableFile> {
    const account = await resolveAccount(this.accounts, tenantId, query.account);
    // A name that no account has: there is no usage, but the periods are there.
    const accountId = account === undefined ? undefined : 'id' in account ? account.id : NIL;
    return this.#report({ tenantId, accountId, spaceId: query.space, by: query.by }, query, csv);
  }

  ofPlatform(query: PlatformUsageQuery, csv: boolean): Promise<Page<UsagePeriod> | StreamableFile> {
    return this.#report({ tenantId: null, by: query.by }, query, csv);
  }

  async #report(
    subject: Omit<UsageQueryFacts, 'granularity' | 'from' | 'to'>,
    query: PlatformUsageQuery,
    csv: boolean,
  ): Promise<Page<UsagePeriod> | StreamableFile> {
    const { granularity } = query;
    const { from, to } = rangeOf(query);
    const facts = { ...subject, granularity, from, to };
    const { tenantId, accountId, spaceId, by } = subject;
    const withPeaks = tenantId !== null && spaceId === undefined && by === undefined;
    const peaks = withPeaks ? await this.usage.peaks(tenantId, accountId, granularity, from, to) : null;
    const withStorage = accountId === undefined && by !== 'account';
    const present = (row: UsageRecord): UsagePeriod =>
      presentPeriod(row, peaks === null ? null : (peaks.get(row.start.getTime()) ?? 0), withStorage);
    if (csv) {
      return exportList<UsageRecord, UsagePeriod>({
        name: 'usage',
        format: 'csv',
        columns: COLUMNS,
        read: (after, limit) =>
          this.usage.list(facts, after === null ? null : { start: after.start, key: after.key ?? NIL }, limit),
        present,
      });
    }
    return readPage(
      {
        scope: { list: 'usage', ...subject, granularity, from: from.getTime(), to: to.getTime() },
        query,
        isPosition: isPeriodPosition,
        positionOf: (row: UsageRecord) => [row.start.getTime(), row.key ?? NIL],
        read: (after, limit) =>
          this.usage.list(
            facts,
            after === null ? null : { start: new Date(after[0] as number), key: after[1] as string },
            limit,
          ),
      },
      present,
    );
  }
}

function rangeOf({ from, to, granularity }: Pick<PlatformUsageQuery, 'from' | 'to' | 'granularity'>): {
  readonly from: Date;
  readonly to: Date;
} {
  if (from === undefined) throw fault('from', 'is needed, with `to`');
  if (to === undefined) throw fault('to', 'is needed, with `from`');
  if (!isStart(from, granularity)) throw fault('from', `must be the start of a ${granularity} (UTC)`);
  if (!isStart(to, granularity)) throw fault('to', `must be the start of a ${granularity} (UTC)`);
  if (from >= to) throw fault('to', 'must be after `from`');
  if (to.getTime() - from.getTime() > LONGEST_MS[granularity]) {
    throw fault('to', `must be within ${LONGEST_MS[granularity] / DAY_MS} days of \`from\``);
  }
  return { from, to };
}

function isStart(date: Date, granularity: UsageGranularity): boolean {
  if (granularity === 'hour') return date.getTime() % HOUR_MS === 0;
  return date.getTime() % DAY_MS === 0 && (granularity === 'day' || date.getUTCDate() === 1);
}

function fault(field: string, message: string): DomainError {
  return new DomainError('request.invalid', { detail: `Check ${field}`, faults: [{ field, message }] });
}
