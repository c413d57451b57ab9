import { DomainError } from '@quayside/domain';
import type { Queryable, Statement } from '../database.js';

export interface QuotaReservation {
  /** The transfer id. */
  readonly leaseId: string;
  readonly accountId: string;
  readonly workerId: string;
  /** Total bytes without which the upload cannot go on. */
  readonly needBytes: number;
  /** Total bytes that would spare it further questions. */
  readonly wantBytes: number;
  /** Files that the commit adds: 0 or 1. */
  readonly files: number;
  /** When the upload started; the oldest wins. */
  readonly startedAt: Date;
  /** Without `renew`, the lease ends after this long. */
  readonly ttlMs: number;
  /** The lease of the kept partial that this upload continues; its bytes move over. The own id: its own kept partial. */
  readonly takesLeaseId?: string | null;
}

/** What a rename takes from one space of a tenant into another. */
export interface MoveReservation {
  readonly leaseId: string;
  readonly accountId: string;
  readonly workerId: string;
  readonly fromSpaceId: string;
  /** Path in that space, for folders; null for files. */
  readonly folder: string | null;
  /** Growth of the target space: what comes, less what it replaces. */
  readonly bytes: number;
  readonly files: number;
  readonly ttlMs: number;
}

/**
 * `granted`: the lease covers `bytes` in total. `wait`: running uploads hold what is missing and may give it back; the
 * lease keeps what it has, ask again soon. `refused`: it does not fit, or only at the cost of an older upload.
 */
export interface QuotaVerdict {
  readonly verdict: 'granted' | 'wait' | 'refused';
  readonly bytes: number;
  readonly files: number;
}

/** One change of a space's ledger; applied once per event and space. */
export interface LedgerChange {
  readonly eventId: string;
  readonly tenantId: string;
  readonly spaceId: string;
  /** May be negative. */
  readonly bytes: number;
  readonly files: number;
  /** The upload whose lease ends with this change; null where none covers it. */
  readonly transferId: string | null;
}

export interface QuotaState {
  readonly bytesLimit: number | null;
  readonly filesLimit: number | null;
  readonly bytesUsed: number;
  readonly filesUsed: number;
  readonly bytesReserved: number;
  readonly filesReserved: number;
}

const RESERVE: Statement = {
  name: 'quota_reserve',
  text: 'SELECT verdict, bytes, files FROM quota_reserve($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
};
const RESERVE_MOVE: Statement = {
  name: 'quota_reserve_move',
  text: 'SELECT quota_reserve_move($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS verdict',
};
const RELEASE: Statement = { name: 'quota_release', text: 'SELECT quota_release($1, $2, $3, $4) AS kept' };
const APPLY: Statement = { name: 'quota_apply', text: 'SELECT quota_apply($1, $2, $3, $4, $5, $6) AS applied' };
const RENEW: Statement = {
  name: 'quota_renew',
  text: `UPDATE quota_lease SET expires_at = now() + $3 * interval '1 millisecond'
         WHERE id = ANY ($2::uuid[]) AND worker_id = $1 AND kind IN ('upload', 'move')`,
};
const EXPIRE: Statement = {
  name: 'quota_expire_worker',
  text: `UPDATE quota_lease SET expires_at = now() - interval '1 second'
         WHERE worker_id = $1 AND kind IN ('upload', 'move') AND NOT (id = ANY ($2::uuid[]))`,
};
const SWEEP: Statement = { name: 'quota_sweep', text: 'SELECT id FROM quota_sweep($1) AS id' };
const PARTIALS: Statement = {
  name: 'quota_expired_partials',
  text: `SELECT l.id, l.tenant_id AS "tenantId", l.space_id AS "spaceId", s.backend, s.root
         FROM quota_lease l JOIN space s ON s.id = l.space_id
         WHERE l.kind = 'partial' AND l.expires_at < now() ORDER BY l.expires_at LIMIT $1`,
};
const STATE: Statement = {
  name: 'quota_state',
  text: `SELECT kind, bytes_limit AS "bytesLimit", files_limit AS "filesLimit", bytes_used AS "bytesUsed",
           files_used AS "filesUsed", bytes_reserved AS "bytesReserved", files_reserved AS "filesReserved"
         FROM quota_ledger WHERE tenant_id = $1 AND ((kind = 'space' AND id = $2) OR (kind = 'tenant' AND id = $1))`,
};

const BALANCE: Statement = {
  name: 'quota_balance',
  text: `SELECT now() AS at, bytes_used AS bytes, files_used AS files,
           (SELECT count(*) FROM ledger_entry e WHERE e.space_id = l.id AND e.applied_at >= coalesce($2, now())) AS changes
         FROM quota_ledger l WHERE l.id = $1 AND l.kind = 'space'`,
};

/** What the ledger says that a space holds. */
export interface Balance {
  readonly at: Date;
  readonly bytes: number;
  readonly files: number;
  /** Entries that have been applied since some moment. */
  readonly changes: number;
}

/**
 * Exact accounting of spaces and tenants. At every instant and on every node, used + reserved ≤ limit holds for both;
 * the rules are SQL functions of the first migration, each one step with one lock order.
 */
export class QuotaLedgerRepository {
  constructor(private readonly database: Queryable) {}

  /** Open or extend the lease of an upload; amounts are totals, so a repeated call changes nothing. */
  async reserve(tenantId: string, spaceId: string, ask: QuotaReservation): Promise<QuotaVerdict> {
    const [row] = await this.database.rows<{
      verdict: QuotaVerdict['verdict'] | 'missing';
      bytes: number;
      files: number;
    }>(RESERVE, [
      ask.leaseId,
      tenantId,
      spaceId,
      ask.accountId,
      ask.workerId,
      ask.needBytes,
      ask.wantBytes,
      ask.files,
      ask.startedAt,
      ask.ttlMs,
      ask.takesLeaseId ?? null,
    ]);
    const { verdict, bytes, files } = row!;
    if (verdict === 'missing') throw new DomainError('space.not-found');
    return { verdict, bytes, files };
  }

  /**
   * Reserve in the target space what a move brings; the tenant's ledger holds it already. `mounted`: somebody's mount has
   * its root in the folder. The lease ends like an upload's: with the entry of its id, by `release`, or with its worker.
   */
  async reserveMove(
    tenantId: string,
    spaceId: string,
    move: MoveReservation,
  ): Promise<'granted' | 'refused' | 'mounted'> {
    const [row] = await this.database.rows<{ verdict: 'granted' | 'refused' | 'mounted' | 'missing' }>(RESERVE_MOVE, [
      move.leaseId,
      tenantId,
      move.fromSpaceId,
      move.folder,
      spaceId,
      move.accountId,
      move.workerId,
      move.bytes,
      move.files,
      move.ttlMs,
    ]);
    const { verdict } = row!;
    if (verdict === 'missing') throw new DomainError('space.not-found');
    return verdict;
  }

  /**
   * The upload ended without a commit. Resolves to the bytes that stay reserved as a kept partial for `ttlMs`: fewer
   * than `keptBytes` only where neither the lease nor the quota covers them, and then the partial must go. `as` gives the
   * lease another id: that of the partial which the upload meant to continue.
   */
  async release(leaseId: string, keptBytes = 0, ttlMs = 0, as: string | null = null): Promise<number> {
    const [row] = await this.database.rows<{ kept: number }>(RELEASE, [leaseId, keptBytes, ttlMs, as]);
    return row!.kept;
  }

  /** Move committed changes from reserved to used; each once, however often it comes. Resolves to how many were new. */
  async apply(changes: readonly LedgerChange[]): Promise<number> {
    if (changes.length === 0) return 0;
    const [row] = await this.database.rows<{ applied: number }>(APPLY, [
      changes.map((change) => change.eventId),
      changes.map((change) => change.transferId),
      changes.map((change) => change.tenantId),
      changes.map((change) => change.spaceId),
      changes.map((change) => change.bytes),
      changes.map((change) => change.files),
    ]);
    return row!.applied;
  }

  /** Part of a worker's heartbeat: the leases that it stands for go on. What it does not name ends with its time. */
  async renew(workerId: string, leaseIds: readonly string[], ttlMs: number): Promise<void> {
    if (leaseIds.length > 0) await this.database.rows(RENEW, [workerId, leaseIds, ttlMs]);
  }

  /**
   * A worker is known to be dead: its leases end with the next sweep. `except` are uploads that were answered with 226
   * and whose changes still stand in a spool; those leases end when the changes are applied.
   */
  async expireWorker(workerId: string, except: readonly string[] = []): Promise<void> {
    await this.database.rows(EXPIRE, [workerId, except]);
  }

  /**
   * Give back leases that nobody renewed; resolves to their transfer ids. Not right after the database was away: then
   * the workers must have had the time to renew.
   */
  async sweep(most = 500): Promise<string[]> {
    const rows = await this.database.rows<{ id: string }>(SWEEP, [most]);
    return rows.map(({ id }) => id);
  }

  /** Kept partials that are past their time: remove the staged file, then `release` the lease. */
  expiredPartials(most = 100): Promise<ExpiredPartial[]> {
    return this.database.rows<ExpiredPartial>(PARTIALS, [most]);
  }

  /** For a recount; `since` is the `at` of an earlier answer. Throws `space.not-found`. */
  async balance(spaceId: string, since: Date | null): Promise<Balance> {
    const [row] = await this.database.rows<Balance>(BALANCE, [spaceId, since]);
    if (row === undefined) throw new DomainError('space.not-found');
    return row;
  }

  /** Both ledgers that a space counts against. Throws `space.not-found`. */
  async state(tenantId: string, spaceId: string): Promise<{ readonly space: QuotaState; readonly tenant: QuotaState }> {
    const rows = await this.database.rows<QuotaState & { kind: string }>(STATE, [tenantId, spaceId]);
    const space = rows.find(({ kind }) => kind === 'space');
    const tenant = rows.find(({ kind }) => kind === 'tenant');
    if (space === undefined || tenant === undefined) throw new DomainError('space.not-found');
    return { space, tenant };
  }

  /** What new bytes and files may still take, null where nothing limits it, and what the space uses of what. */
  async remaining(tenantId: string, spaceId: string): Promise<RemainingQuota> {
    const { space, tenant } = await this.state(tenantId, spaceId);
    return {
      bytes: smaller(
        room(space.bytesLimit, space.bytesUsed, space.bytesReserved),
        room(tenant.bytesLimit, tenant.bytesUsed, tenant.bytesReserved),
      ),
      files: smaller(
        room(space.filesLimit, space.filesUsed, space.filesReserved),
        room(tenant.filesLimit, tenant.filesUsed, tenant.filesReserved),
      ),
      limitBytes: space.bytesLimit,
      limitFiles: space.filesLimit,
      usedBytes: Math.max(0, space.bytesUsed),
      usedFiles: Math.max(0, space.filesUsed),
    };
  }
}

export interface ExpiredPartial {
  readonly id: string;
  readonly tenantId: string;
  readonly spaceId: string;
  readonly backend: 'local';
  readonly root: string;
}

export interface RemainingQuota {
  readonly bytes: number | null;
  readonly files: number | null;
  readonly limitBytes: number | null;
  readonly limitFiles: number | null;
  readonly usedBytes: number;
  readonly usedFiles: number;
}

function room(limit: number | null, used: number, reserved: number): number | null {
  return limit === null ? null : Math.max(0, limit - used - reserved);
}

function smaller(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}
