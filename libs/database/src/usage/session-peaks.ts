/**
 * The most sessions at once in each period, from the events of their ends and, of those that still run, from the list of
 * live sessions: the part of a statement that follows a CTE `periods (start, stop)` and gives
 * `peaks (key, start, sessions)`. A period takes
 * part of a session that began before it or goes on behind it; a session is cut into its periods, and the greatest
 * running sum in a period is its peak. `LONGEST` bounds how far behind a period the end of a session is looked for.
 * @param where conditions on tenant and account of `e`, an event or a live session
 * @param key what to group by
 */
export function sessionPeaks(where: string, key: string): string {
  return `
    ended AS (
      SELECT ${key} AS key, e.at AS closed, e.at - (e.data ->> 'durationMs')::bigint * interval '1 millisecond' AS opened
      FROM event e
      WHERE e.type = 'session.closed' AND e.account_id IS NOT NULL AND ${where}
        AND e.at >= (SELECT min(start) FROM periods) AND e.at < (SELECT max(stop) FROM periods) + interval '${LONGEST}'
        AND NOT EXISTS (SELECT FROM usage_late l WHERE l.event_id = e.id)
      UNION ALL
      SELECT ${key}, now(), e.opened_at FROM ftp_session e
      WHERE ${where} AND NOT EXISTS (SELECT FROM event c WHERE c.session_id = e.id AND c.type = 'session.closed')
    ), steps AS (
      SELECT s.key, p.start, greatest(s.opened, p.start) AS t, 1 AS step FROM ended s JOIN periods p ON s.opened < p.stop AND s.closed >= p.start
      UNION ALL
      SELECT s.key, p.start, least(s.closed, p.stop), -1 FROM ended s JOIN periods p ON s.opened < p.stop AND s.closed >= p.start
    ), running AS (
      SELECT key, start, sum(step) OVER (PARTITION BY key, start ORDER BY t, step DESC ROWS UNBOUNDED PRECEDING) AS sessions FROM steps
    ), peaks AS (
      SELECT key, start, max(sessions)::int AS sessions FROM running GROUP BY key, start
    )`;
}

const LONGEST = '31 days';
