import type { Queryable, Statement } from '../database.js';

/** What caps of sessions are counted against, as it stands. */
export interface CountedSessions {
  readonly account: number;
  readonly tenant: number;
  /** Of the tenant, from the address. */
  readonly address: number;
}

// The counts of `session_open`, without taking a place.
const COUNT: Statement = {
  name: 'counted_sessions',
  text: `
    SELECT count(*) FILTER (WHERE account_id = $2::uuid) AS account, count(*) AS tenant,
      count(*) FILTER (WHERE remote_address = $3::text) AS address
    FROM ftp_session
    WHERE tenant_id = $1::uuid AND seen_at > now() - $4::float8 * interval '1 millisecond'`,
};

/** Reads what a login would be counted against, for whoever explains it. */
export class CountedLimitsRepository {
  constructor(private readonly database: Queryable) {}

  async sessions(
    account: { readonly tenantId: string; readonly accountId: string },
    address: string,
    staleMs: number,
  ): Promise<CountedSessions> {
    const values = [account.tenantId, account.accountId, address, staleMs];
    const [row] = await this.database.rows<CountedSessions>(COUNT, values);
    return row!;
  }
}
