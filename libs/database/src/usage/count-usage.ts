import { binaryArray } from '../binary-array.js';

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
const KEYS = Object.keys(COUNTERS) as (keyof typeof COUNTERS)[];
const SUMS = KEYS.map((key) => `coalesce(sum(a."${key}"), 0) AS ${COUNTERS[key]}`);

function upsert(table: string, bucket: 'hour' | 'day', rows: string): string {
  return `
      INSERT INTO ${table} (tenant_id, account_id, space_id, ${bucket}, ${COLUMNS.join(', ')})
      ${rows}
      ON CONFLICT (tenant_id, account_id, space_id, ${bucket}) DO UPDATE SET
        ${COLUMNS.map((column) => `${column} = ${table}.${column} + excluded.${column}`).join(', ')}`;
}

/**
 * The increments of events as the parameters of {@link countUsage}; what is about the same space is one row. Event and
 * space come first, then one column per counter.
 */
export function incrementColumns(
  events: Iterable<{ readonly id: string; readonly usage: readonly UsageIncrement[] }>,
): Buffer[] {
  const ids: string[] = [];
  const spaces: (string | null)[] = [];
  const rows: UsageIncrement[] = [];
  for (const { id, usage } of events) {
    const first = usage[0];
    if (first === undefined) continue;
    for (const increment of usage.length === 1 ? [first] : bySpace(usage)) {
      ids.push(id);
      spaces.push(increment.spaceId ?? null);
      rows.push(increment);
    }
  }
  const counters = KEYS.map((key) => binaryArray('bigint', rows, (row) => row[key] ?? null));
  return [binaryArray('uuid', ids, (id) => id), binaryArray('uuid', spaces, (space) => space), ...counters];
}

function bySpace(usage: readonly UsageIncrement[]): Iterable<UsageIncrement> {
  const spaces = new Map<string | null, UsageIncrement>();
  for (const increment of usage) {
    const space = increment.spaceId ?? null;
    const before = spaces.get(space);
    spaces.set(space, before === undefined ? increment : added(before, increment));
  }
  return spaces.values();
}

function added(one: UsageIncrement, other: UsageIncrement): UsageIncrement {
  const sum: { -readonly [K in keyof UsageIncrement]: UsageIncrement[K] } = { ...one };
  for (const key of KEYS) if (other[key] !== undefined) sum[key] = (sum[key] ?? 0) + other[key];
  return sum;
}

/**
 * Counts the increments of events: the part of a statement that follows a CTE `counted (id, at, tenant_id, account_id)`;
 * their {@link incrementColumns} are its parameters from number `first` on. FOR SHARE waits for a closing that is under
 * way and reads what it has written, so that nothing is added to a closed month. Days are counted from the hours.
 */
export function countUsage(first: number): string {
  const counters = KEYS.map((key, index) => `unnest($${first + 2 + index}::bigint[]) AS "${key}"`);
  return `
    closing AS MATERIALIZED (
      SELECT closed_until FROM usage_closing WHERE id = 1 FOR SHARE
    ), increments AS MATERIALIZED (
      SELECT c.id, c.at, c.tenant_id, c.account_id, i.*
      FROM (SELECT unnest($${first}::uuid[]) AS "eventId", unnest($${first + 1}::uuid[]) AS "spaceId", ${counters.join(', ')}) i
      JOIN counted c ON c.id = i."eventId"
    ), late AS (
      INSERT INTO usage_late (event_id, at, counted_at)
      SELECT DISTINCT i.id, i.at, closing.closed_until FROM increments i, closing WHERE i.at < closing.closed_until
      ON CONFLICT DO NOTHING
    ), placed AS (
      SELECT i.*, greatest(i.at, closing.closed_until) AS counted_at FROM increments i CROSS JOIN closing
    ), by_hour AS (
      SELECT a.tenant_id, coalesce(a.account_id, ${NIL}) AS account_id, coalesce(a."spaceId", ${NIL}) AS space_id,
        date_trunc('hour', a.counted_at, 'UTC') AS hour, ${SUMS.join(', ')},
        coalesce(sum(CASE WHEN a."storedBytes" IS NOT NULL THEN a."storedBytes"::numeric * (extract(epoch FROM
          date_trunc('hour', a.counted_at, 'UTC') + interval '1 hour' - a.counted_at) * 1000)::numeric(38, 0) END), 0) AS stored_byte_ms
      FROM placed a GROUP BY 1, 2, 3, 4
    ), hours AS (${upsert('usage_hourly', 'hour', `SELECT h.tenant_id, h.account_id, h.space_id, h.hour, ${COLUMNS.map((column) => `h.${column}`).join(', ')} FROM by_hour h ORDER BY 1, 2, 3, 4`)}
    ), days AS (${upsert(
      'usage_daily',
      'day',
      `SELECT h.tenant_id, h.account_id, h.space_id, date_trunc('day', h.hour, 'UTC') AS day,
        ${COUNTER_COLUMNS.map((column) => `sum(h.${column})`).join(', ')},
        sum(h.stored_byte_ms + h.stored_bytes * (extract(epoch FROM
          date_trunc('day', h.hour, 'UTC') + interval '23 hours' - h.hour) * 1000)::numeric(38, 0))
      FROM by_hour h GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
    )}
    )`;
}
