/** What an event adds to the usage of its account; `spaceId` where it is about a space. */
export interface UsageIncrement {
  readonly spaceId?: string | null;
  readonly uploads?: number;
  readonly downloads?: number;
  readonly failures?: number;
  readonly bytesUp?: number;
  readonly bytesDown?: number;
  /** Of these bytes, those of FTPS sessions. */
  readonly bytesUpFtps?: number;
  readonly bytesDownFtps?: number;
  /** And those on data connections with TLS. */
  readonly bytesUpTls?: number;
  readonly bytesDownTls?: number;
  readonly deletes?: number;
  readonly logins?: number;
  readonly loginFailures?: number;
  /** How what the space holds has changed. */
  readonly storedBytes?: number;
  readonly storedFiles?: number;
}

const COUNTERS = {
  uploads: 'uploads',
  downloads: 'downloads',
  failures: 'failures',
  bytesUp: 'bytes_up',
  bytesDown: 'bytes_down',
  bytesUpFtps: 'bytes_up_ftps',
  bytesDownFtps: 'bytes_down_ftps',
  bytesUpTls: 'bytes_up_tls',
  bytesDownTls: 'bytes_down_tls',
  deletes: 'deletes',
  logins: 'logins',
  loginFailures: 'login_failures',
  storedBytes: 'stored_bytes',
  storedFiles: 'stored_files',
} as const satisfies Record<Exclude<keyof UsageIncrement, 'spaceId'>, string>;

/** Columns that add up, but for the byte-milliseconds. */
export const COUNTER_COLUMNS: readonly string[] = Object.values(COUNTERS);

const NIL = `'00000000-0000-0000-0000-000000000000'`;
const COLUMNS = [...COUNTER_COLUMNS, 'stored_byte_ms'];
const SUMS = Object.keys(COUNTERS).map((key) => `sum(coalesce((a.item ->> '${key}')::bigint, 0))`);

function upsert(table: string, bucket: 'hour' | 'day'): string {
  return `
      INSERT INTO ${table} (tenant_id, account_id, space_id, ${bucket}, ${COLUMNS.join(', ')})
      SELECT a.tenant_id, a.account_id, a.space_id, date_trunc('${bucket}', a.at, 'UTC') AS bucket, ${SUMS.join(', ')},
        sum(coalesce((a.item ->> 'storedBytes')::numeric, 0)
          * (extract(epoch FROM date_trunc('${bucket}', a.at, 'UTC') + interval '${bucket === 'hour' ? 1 : 24} hours' - a.at) * 1000)::numeric(38, 0))
      FROM added a GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
      ON CONFLICT (tenant_id, account_id, space_id, ${bucket}) DO UPDATE SET
        ${COLUMNS.map((column) => `${column} = ${table}.${column} + excluded.${column}`).join(', ')}`;
}

/**
 * Counts the increments of events: the part of a statement that follows a CTE `counted (id, at, tenant_id, account_id,
 * usage)`, `usage` being a JSON array of {@link UsageIncrement}. FOR SHARE waits for a closing that is under way and
 * reads what it has written, so that nothing is added to a closed month.
 */
export const COUNT_USAGE = `
    closing AS MATERIALIZED (
      SELECT closed_until FROM usage_closing WHERE id = 1 FOR SHARE
    ), late AS (
      INSERT INTO usage_late (event_id, at, counted_at)
      SELECT c.id, c.at, closing.closed_until FROM counted c, closing
      WHERE c.at < closing.closed_until AND jsonb_array_length(c.usage) > 0
      ON CONFLICT DO NOTHING
    ), added AS (
      SELECT c.tenant_id, coalesce(c.account_id, ${NIL}) AS account_id, coalesce((item ->> 'spaceId')::uuid, ${NIL}) AS space_id,
        greatest(c.at, closing.closed_until) AS at, item
      FROM counted c CROSS JOIN closing CROSS JOIN jsonb_array_elements(c.usage) AS item
    ), hours AS (${upsert('usage_hourly', 'hour')}
    ), days AS (${upsert('usage_daily', 'day')}
    )`;
