import type { Database, Statement } from '../database.js';
import { asDatabaseError } from '../database-errors.js';

const LOCK: Statement = {
  name: 'upkeep_lock',
  text: `SELECT pg_try_advisory_lock(hashtext('quayside.upkeep'), hashtext($1)) AS locked`,
};
const UNLOCK: Statement = {
  name: 'upkeep_unlock',
  text: `SELECT pg_advisory_unlock(hashtext('quayside.upkeep'), hashtext($1))`,
};
const PRUNE_LEDGER: Statement = {
  name: 'upkeep_prune_ledger',
  text: `DELETE FROM ledger_entry WHERE (event_id, space_id) IN (
           SELECT event_id, space_id FROM ledger_entry WHERE applied_at < now() - $1 * interval '1 day'
           ORDER BY applied_at LIMIT $2)
         RETURNING 1 AS pruned`,
};
const PRUNE_RECOUNTS: Statement = {
  name: 'upkeep_prune_recounts',
  text: `DELETE FROM recount WHERE id IN (
           SELECT id FROM recount WHERE created_at < now() - $1 * interval '1 day' ORDER BY created_at LIMIT $2)
         RETURNING 1 AS pruned`,
};

/** Housekeeping that belongs to no subject of its own. */
export class UpkeepRepository {
  constructor(private readonly database: Database) {}

  /** Runs `work` while no other process does so under the same name; resolves to false, without running it, otherwise. */
  async exclusively(name: string, work: () => Promise<void>): Promise<boolean> {
    const client = await this.database.pool.connect().catch((error: unknown) => {
      throw asDatabaseError(error);
    });
    // The lock belongs to the connection: one that could not unlock is destroyed, which unlocks.
    let broken: unknown;
    try {
      const { rows } = await client.query<{ locked: boolean }>({ ...LOCK, values: [name] });
      if (rows[0]?.locked !== true) return false;
      try {
        await work();
      } finally {
        await client.query({ ...UNLOCK, values: [name] });
      }
      return true;
    } catch (error) {
      broken = error;
      throw error;
    } finally {
      client.release(broken instanceof Error ? broken : undefined);
    }
  }

  /**
   * Forget ledger changes applied more than `days` ago, at most `most` of them; resolves to how many. `days` must be
   * longer than any spool can wait, because a change that comes again after that would count twice.
   */
  async pruneLedgerEntries(days: number, most: number): Promise<number> {
    return (await this.database.rows(PRUNE_LEDGER, [days, most])).length;
  }

  /** Forget recounts and what they found. */
  async pruneRecounts(days: number, most: number): Promise<number> {
    return (await this.database.rows(PRUNE_RECOUNTS, [days, most])).length;
  }
}
