import type { Queryable, Statement } from '../database.js';

/** What finds an event in the log without looking into every month. */
export interface EventKey {
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
}

// Scalar subqueries with LIMIT are looked up row by row through the primary key of the one month; a join could be
// planned as a scan of all of them.
const UNAPPLIED: Statement = {
  name: 'applied_events_missing',
  text: `
    SELECT k.id FROM unnest($1::uuid[], $2::timestamptz[]) AS k (id, at)
    WHERE (SELECT 1 FROM event e WHERE e.id = k.id AND e.at = k.at LIMIT 1) IS NULL
      AND (SELECT 1 FROM dead_event d WHERE d.id = k.id AND d.part = 'event' LIMIT 1) IS NULL`,
};

/** Tells who sends events which of them have arrived. */
export class AppliedEventsRepository {
  constructor(private readonly database: Queryable) {}

  /** Of these events, the ids of those that are neither in the log nor set aside. */
  async unapplied(keys: readonly EventKey[]): Promise<string[]> {
    if (keys.length === 0) return [];
    const values = [keys.map(({ id }) => id), keys.map(({ at }) => at)];
    return (await this.database.rows<{ id: string }>(UNAPPLIED, values)).map(({ id }) => id);
  }
}
