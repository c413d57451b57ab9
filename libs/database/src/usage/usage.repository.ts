import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Database } from '../database.js';
import { COUNTER_COLUMNS } from './count-usage.js';
import { sessionPeaks } from './session-peaks.js';

export type UsageGranularity = 'hour' | 'day' | 'month';
/** What the rows are told apart by, besides their period. */
export type UsageGrouping = 'tenant' | 'account' | 'space';

export interface UsageQueryFacts {
  /** Null: the whole installation. */
  readonly tenantId: string | null;
  readonly accountId?: string | undefined;
  readonly spaceId?: string | undefined;
  readonly by?: UsageGrouping | undefined;
  readonly granularity: UsageGranularity;
  /** The first instant of a period, UTC; and the first one that is not wanted. */
  readonly from: Date;
  readonly to: Date;
}

export interface UsageRecord {
  readonly start: Date;
  readonly stop: Date;
  /** Id of the tenant, account or space; null without grouping, or for what belongs to none. */
  readonly key: string | null;
  /** Slug, user name or name; null where it is gone. */
  readonly name: string | null;
  readonly uploads: number;
  readonly downloads: number;
  readonly failures: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly bytesUpFtps: number;
  readonly bytesDownFtps: number;
  readonly deletes: number;
  readonly logins: number;
  readonly loginFailures: number;
  /** At the end of the period, or now. */
  readonly storedBytes: number;
  readonly storedFiles: number;
  /** An exact whole number as text: it may be above 2^53. */
  readonly storedByteMs: string;
  readonly closed: boolean;
}

const NIL = '00000000-0000-0000-0000-000000000000';
const BUCKET_MS = { hour: 3_600_000, day: 86_400_000 } as const;
const NAMES = {
  tenant: '(SELECT slug FROM tenant WHERE id = g.key)',
  account: '(SELECT username FROM account WHERE id = g.key)',
  space: '(SELECT name FROM space WHERE id = g.key)',
} as const;

/** Reads usage; the event consumer counts it. */
@Injectable()
export class UsageRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** In the order of period and key; a page of what follows `after`. Periods that have not begun are left out. */
  async list(
    query: UsageQueryFacts,
    after: { readonly start: Date; readonly key: string } | null,
    limit: number,
  ): Promise<UsageRecord[]> {
    const { by, granularity, tenantId, accountId, spaceId, from, to } = query;
    const bucket = granularity === 'hour' ? 'hour' : 'day';
    const table = bucket === 'hour' ? 'usage_hourly' : 'usage_daily';
    const key = by === undefined ? `'${NIL}'::uuid` : `u.${by}_id`;
    const values: unknown[] = [from, to];
    const conditions = ['true'];
    for (const [column, value] of [
      ['tenant_id', tenantId ?? undefined],
      ['account_id', accountId],
      ['space_id', spaceId],
    ] as const) {
      if (value !== undefined) conditions.push(`u.${column} = $${values.push(value)}::uuid`);
    }
    const scope = conditions.join(' AND ');
    const paging =
      after === null
        ? ''
        : `WHERE (g.start, g.key) > ($${values.push(after.start)}::timestamptz, $${values.push(after.key)}::uuid)`;
    const counters = COUNTER_COLUMNS.map((column) => `sum(u.${column}) AS ${column}`).join(', ');
    const start = `date_trunc('${granularity}', u.${bucket}, 'UTC')`;
    const text = `
      WITH periods AS (
        -- A period that is not over ends with the present hour.
        SELECT s AT TIME ZONE 'UTC' AS start, (s + interval '1 ${granularity}') AT TIME ZONE 'UTC' AS stop,
          least((s + interval '1 ${granularity}') AT TIME ZONE 'UTC', date_trunc('hour', now(), 'UTC') + interval '1 hour') AS until
        FROM generate_series($1::timestamptz AT TIME ZONE 'UTC', ($2::timestamptz AT TIME ZONE 'UTC') - interval '1 millisecond', interval '1 ${granularity}') AS s
        WHERE s AT TIME ZONE 'UTC' <= now()
      ), counted AS (
        SELECT ${key} AS key, ${start} AS start, ${counters},
          sum(u.stored_byte_ms + u.stored_bytes * (extract(epoch FROM p.until - u.${bucket}) * 1000 - ${BUCKET_MS[bucket]})::numeric) AS stored_byte_ms
        FROM ${table} u JOIN periods p ON p.start = ${start}
        WHERE ${scope} AND u.${bucket} >= $1 AND u.${bucket} < $2 GROUP BY 1, 2
      ), before AS (
        SELECT key, sum(stored_bytes) AS stored_bytes, sum(stored_files) AS stored_files FROM (
          SELECT ${key} AS key, u.stored_bytes, u.stored_files FROM usage_daily u
          WHERE ${scope} AND u.day < date_trunc('day', $1::timestamptz, 'UTC')
          UNION ALL
          SELECT ${key}, u.stored_bytes, u.stored_files FROM usage_hourly u
          WHERE ${scope} AND u.hour >= date_trunc('day', $1::timestamptz, 'UTC') AND u.hour < $1
        ) b GROUP BY key
      ), grid AS (
        SELECT k.key, p.* FROM periods p, (${by === undefined ? `SELECT '${NIL}'::uuid AS key` : 'SELECT key FROM counted UNION SELECT key FROM before WHERE stored_bytes <> 0 OR stored_files <> 0'}) k
      ), stored AS (
        SELECT g.key, g.start, g.stop, g.until, ${COUNTER_COLUMNS.filter((column) => !column.startsWith('stored_'))
          .map((column) => `coalesce(c.${column}, 0)::int8 AS ${column}`)
          .join(', ')},
          coalesce(c.stored_byte_ms, 0) AS change_ms, coalesce(c.stored_bytes, 0) AS change,
          coalesce(b.stored_bytes, 0) + sum(coalesce(c.stored_bytes, 0)) OVER run AS stored_bytes,
          coalesce(b.stored_files, 0) + sum(coalesce(c.stored_files, 0)) OVER run AS stored_files
        FROM grid g LEFT JOIN counted c ON c.key = g.key AND c.start = g.start LEFT JOIN before b ON b.key = g.key
        WINDOW run AS (PARTITION BY g.key ORDER BY g.start)
      )
      SELECT g.start, g.stop, ${by === undefined ? 'NULL::uuid' : 'g.key'} AS key, ${by === undefined ? 'NULL' : NAMES[by]} AS name,
        g.uploads, g.downloads, g.failures, g.bytes_up AS "bytesUp", g.bytes_down AS "bytesDown",
        g.bytes_up_ftps AS "bytesUpFtps", g.bytes_down_ftps AS "bytesDownFtps", g.deletes, g.logins,
        g.login_failures AS "loginFailures", g.stored_bytes::int8 AS "storedBytes", g.stored_files::int8 AS "storedFiles",
        ((g.stored_bytes - g.change) * (extract(epoch FROM g.until - g.start) * 1000)::numeric + g.change_ms)::numeric(60, 0)::text AS "storedByteMs",
        g.stop <= (SELECT closed_until FROM usage_closing WHERE id = 1) AS closed
      FROM stored g ${paging} ORDER BY g.start, g.key LIMIT $${values.push(limit)}`;
    const name = `usage-${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
    return this.database.rows<UsageRecord>({ name, text }, values);
  }

  /**
   * The most sessions at once, by the start of the period. Of a closed month what was found when it was closed; else
   * from the event log, for as long as it has the events.
   */
  async peaks(
    tenantId: string,
    accountId: string | undefined,
    granularity: UsageGranularity,
    from: Date,
    to: Date,
  ): Promise<ReadonlyMap<number, number>> {
    const values = [from, to, tenantId, accountId ?? NIL];
    const account = accountId === undefined ? '$4::uuid IS NOT NULL' : 'e.account_id = $4::uuid';
    const kept =
      granularity === 'month'
        ? 'SELECT month AS start, sessions FROM usage_peak WHERE tenant_id = $3::uuid AND account_id = $4::uuid AND month >= $1 AND month < $2'
        : 'SELECT NULL::timestamptz AS start, NULL::int AS sessions WHERE false';
    const text = `
      WITH kept AS (${kept}), periods AS (
        SELECT s AT TIME ZONE 'UTC' AS start, (s + interval '1 ${granularity}') AT TIME ZONE 'UTC' AS stop
        FROM generate_series($1::timestamptz AT TIME ZONE 'UTC', ($2::timestamptz AT TIME ZONE 'UTC') - interval '1 millisecond', interval '1 ${granularity}') AS s
        WHERE s AT TIME ZONE 'UTC' <= now()
          ${granularity === 'month' ? "AND s AT TIME ZONE 'UTC' >= (SELECT closed_until FROM usage_closing WHERE id = 1)" : ''}
      ), ${sessionPeaks(`e.tenant_id = $3::uuid AND ${account}`, '1')}
      SELECT start, sessions FROM kept UNION ALL SELECT start, sessions FROM peaks`;
    const name = `usage-peaks-${granularity}-${accountId === undefined ? 'tenant' : 'account'}`;
    const rows = await this.database.rows<{ start: Date; sessions: number }>({ name, text }, values);
    return new Map(rows.map((row) => [row.start.getTime(), row.sessions]));
  }
}
