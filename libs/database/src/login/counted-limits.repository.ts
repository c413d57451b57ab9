import type { Queryable, Statement } from '../database.js';

/** What caps of sessions are counted against, as it stands. */
export interface CountedSessions {
  readonly account: number;
  readonly tenant: number;
  /** Of the tenant, from the address. */
  readonly address: number;
}

const COUNT: Statement = {
  name: 'counted_sessions',
  text: 'SELECT tenant, account, address FROM session_counts($1, $2, $3, $4)',
};
const LOGINS_LEFT: Statement = { name: 'counted_logins', text: 'SELECT login_left($1, $2) AS "left"' };

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

  /** Whether an account that may log in so often a minute may do so now; takes none. */
  async mayLogIn(accountId: string, perMinute: number): Promise<boolean> {
    const [row] = await this.database.rows<{ left: number }>(LOGINS_LEFT, [accountId, perMinute]);
    return row!.left >= 1;
  }
}
