import type { LoginRecord } from '@quayside/database';
import type { LoginName } from '@quayside/domain';

/** Reads accounts; LoginRepository is one. */
export interface LoginRecords {
  findForLogin(username: string, tenant: string): Promise<LoginRecord | null>;
}

export interface AccountDirectoryOptions {
  readonly records: LoginRecords;
  readonly maxEntries?: number;
  /** Notifications keep entries true; the time to live bounds what a lost one can cost. */
  readonly ttlMs?: number;
  readonly nowMs?: () => number;
}

interface Known {
  readonly record: LoginRecord;
  readonly untilMs: number;
}

/**
 * Accounts by login name, remembered for a short while so that a warm login needs no query. Only accounts that exist
 * are remembered: names that nobody has are an attacker's choice and would fill it.
 */
export class AccountDirectory {
  private readonly records: LoginRecords;
  private readonly maxEntries: number;
  private readonly ttlMs: number;
  private readonly nowMs: () => number;
  private readonly known = new Map<string, Known>();
  /** Counts invalidations: an answer that was under way meanwhile is not remembered. */
  private generation = 0;

  constructor(options: AccountDirectoryOptions) {
    this.records = options.records;
    this.maxEntries = options.maxEntries ?? 10_000;
    this.ttlMs = options.ttlMs ?? 30_000;
    this.nowMs = options.nowMs ?? Date.now;
  }

  async find(name: LoginName & { readonly tenant: string }): Promise<LoginRecord | null> {
    const key = `${name.tenant}\0${name.username}`;
    const hit = this.known.get(key);
    if (hit !== undefined && hit.untilMs > this.nowMs()) return hit.record;
    this.known.delete(key);
    const { generation } = this;
    const record = await this.records.findForLogin(name.username, name.tenant);
    if (record !== null && generation === this.generation) this.remember(key, record);
    return record;
  }

  /** Something about this account, or about everybody of this tenant, has changed; without either, about anybody. */
  forget(change: { readonly tenantId: string | null; readonly accountId: string | null }): void {
    this.generation++;
    if (change.tenantId === null && change.accountId === null) {
      this.known.clear();
      return;
    }
    for (const [key, { record }] of this.known) {
      const hit =
        change.accountId === null ? record.tenant.id === change.tenantId : record.account.id === change.accountId;
      if (hit) this.known.delete(key);
    }
  }

  private remember(key: string, record: LoginRecord): void {
    if (this.known.size >= this.maxEntries) this.known.delete(this.known.keys().next().value!);
    this.known.set(key, { record, untilMs: this.nowMs() + this.ttlMs });
  }
}
