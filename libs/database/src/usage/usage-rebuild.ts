import { binaryArray } from '../binary-array.js';
import type { Database, Queryable, Statement } from '../database.js';
import { asDatabaseError } from '../database-errors.js';
import type { EventRow } from '../event-log/event-log.writer.js';
import { countUsage, incrementColumns, type UsageIncrement } from './count-usage.js';

const LOCK: Statement = {
  name: 'usage-rebuild-lock',
  text: 'SELECT closed_until AS "closedUntil" FROM usage_closing WHERE id = 1 FOR UPDATE',
};
const CLEAR: readonly Statement[] = ['hour', 'day'].map((bucket) => ({
  name: `usage-rebuild-clear-${bucket}`,
  text: `DELETE FROM usage_${bucket === 'hour' ? 'hourly' : 'daily'} WHERE ${bucket} >= $1`,
}));
const EVENTS = `SELECT e.id, e.at, e.type, e.v, e.tenant_id AS "tenantId", e.account_id AS "accountId",
  e.session_id AS "sessionId", e.node, e.worker, e.data FROM event e`;
/** In no order: sums do not care, and no index serves one over all tenants. */
const SOURCES = [
  `DECLARE usage_events NO SCROLL CURSOR FOR ${EVENTS} WHERE e.tenant_id IS NOT NULL AND e.at >= `,
  // What came too late for its month was counted in the first open one.
  `DECLARE usage_events NO SCROLL CURSOR FOR ${EVENTS} JOIN usage_late l ON l.event_id = e.id AND l.at = e.at WHERE l.counted_at >= `,
] as const;
const COUNT: Statement = {
  name: 'usage-rebuild-count',
  text: `
    WITH counted AS (
      SELECT unnest($1::uuid[]) AS id, unnest($2::timestamptz[]) AS at, unnest($3::uuid[]) AS tenant_id,
        unnest($4::uuid[]) AS account_id
    ), ${countUsage(5)}
    SELECT count(*)::int AS events FROM counted`,
};

type StoredEvent = Omit<EventRow, 'at'> & { readonly at: Date };

const BATCH = 2_000;

/**
 * Counts the usage of all open months again from the event log, in one transaction; what is closed stays as it is.
 * Events that come meanwhile wait. Resolves to how many events were counted.
 */
export async function rebuildUsage(
  database: Database,
  incrementsOf: (event: EventRow) => readonly UsageIncrement[],
  onProgress: (events: number) => void = () => undefined,
): Promise<number> {
  const client = await database.pool.connect();
  let broken: Error | undefined;
  const sql: Queryable = {
    async rows<Row>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
      return (await client.query({ ...statement, values: [...values] })).rows as Row[];
    },
  };
  try {
    await client.query('BEGIN');
    await client.query('SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0');
    const [closing] = await sql.rows<{ closedUntil: Date }>(LOCK);
    for (const statement of CLEAR) await sql.rows(statement, [closing!.closedUntil]);
    let events = 0;
    for (const source of SOURCES) {
      await client.query(`${source}${client.escapeLiteral(closing!.closedUntil.toISOString())}`);
      for (;;) {
        const { rows } = await client.query<StoredEvent>(`FETCH ${BATCH} FROM usage_events`);
        if (rows.length === 0) break;
        const logged = rows.map(({ at, ...row }) => ({ ...row, at: at.toISOString() }));
        const increments = incrementColumns(logged.map((event) => ({ id: event.id, usage: incrementsOf(event) })));
        const counted = [
          binaryArray('uuid', logged, ({ id }) => id),
          binaryArray('timestamptz', logged, ({ at }) => at),
          binaryArray('uuid', logged, ({ tenantId }) => tenantId),
          binaryArray('uuid', logged, ({ accountId }) => accountId),
        ];
        await sql.rows(COUNT, [...counted, ...increments]);
        events += rows.length;
        onProgress(events);
      }
      await client.query('CLOSE usage_events');
    }
    await client.query('COMMIT');
    return events;
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => (broken = rollbackError));
    throw asDatabaseError(error);
  } finally {
    client.release(broken);
  }
}
