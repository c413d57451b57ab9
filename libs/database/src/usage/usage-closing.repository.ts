import type { Database, Statement } from '../database.js';
import { inSqlTransaction } from '../transaction.js';
import { sessionPeaks } from './session-peaks.js';

const CLOSE: Statement = {
  name: 'usage-close',
  text: `
    UPDATE usage_closing c SET closed_until = $1::timestamptz
    FROM (SELECT closed_until FROM usage_closing WHERE id = 1 FOR UPDATE) before
    WHERE c.id = 1 AND c.closed_until < $1::timestamptz
    RETURNING before.closed_until AS "from"`,
};
const FIRST: Statement = { name: 'usage-first', text: 'SELECT min(day) AS day FROM usage_daily' };

function peaksOf(name: string, account: string): Statement {
  return {
    name,
    text: `
      WITH periods AS (
        SELECT m AT TIME ZONE 'UTC' AS start, (m + interval '1 month') AT TIME ZONE 'UTC' AS stop
        FROM generate_series(date_trunc('month', $1::timestamptz AT TIME ZONE 'UTC'), ($2::timestamptz AT TIME ZONE 'UTC') - interval '1 day', interval '1 month') AS m
      ), ${sessionPeaks('e.tenant_id IS NOT NULL', `ARRAY[e.tenant_id, ${account}]`)}
      INSERT INTO usage_peak (tenant_id, account_id, month, sessions)
      SELECT key[1], key[2], start, sessions FROM peaks
      ON CONFLICT DO NOTHING`,
  };
}
const PEAKS: readonly Statement[] = [
  peaksOf('usage-peaks-account', 'e.account_id'),
  peaksOf('usage-peaks-tenant', `'00000000-0000-0000-0000-000000000000'::uuid`),
];

/** Closes months: what is closed never changes again. */
export class UsageClosingRepository {
  constructor(private readonly database: Database) {}

  /**
   * Closes all months before `until`, the first instant of one; later events count at `until`. Waits for batches that
   * are being applied. Resolves to whether there was something to close.
   */
  close(until: Date): Promise<boolean> {
    return inSqlTransaction(this.database, async (sql) => {
      const [first] = await sql.rows<{ day: Date | null }>(FIRST);
      if (first?.day == null || first.day >= until) return false;
      const [closed] = await sql.rows<{ from: Date }>(CLOSE, [until]);
      if (closed === undefined) return false;
      const from = closed.from > first.day ? closed.from : first.day;
      for (const statement of PEAKS) await sql.rows(statement, [from, until]);
      return true;
    });
  }
}
