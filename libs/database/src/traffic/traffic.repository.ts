import type { Queryable, Statement } from '../database.js';

/** What an account has moved in its tenant's present month. */
export interface TrafficRecord {
  readonly monthEnds: Date;
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
  /** Those of the asker's transfers that are not counted yet. */
  readonly missing: readonly string[];
}

const USED: Statement = {
  name: 'traffic_used',
  text: `SELECT month_ends AS "monthEnds", up AS "uploadedBytes", down AS "downloadedBytes", missing
         FROM traffic_used($1, $2, $3::uuid[])`,
};

/** Monthly traffic, from the counters of the reports. */
export class TrafficRepository {
  constructor(private readonly database: Queryable) {}

  /**
   * Counted transfers, and what other workers are moving at present. `pending` are transfers of the asking worker: it adds
   * those that come back as `missing` itself.
   */
  async used(accountId: string, workerId: string, pending: readonly string[]): Promise<TrafficRecord> {
    const [row] = await this.database.rows<TrafficRecord>(USED, [accountId, workerId, pending]);
    return row!;
  }
}
