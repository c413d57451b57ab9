import { Inject, Injectable } from '@nestjs/common';
import { newId } from '@quayside/domain';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';
import { QuotaLedgerRepository } from '../quota/quota-ledger.repository.js';
import { inTransaction } from '../transaction.js';
import { queriesOf } from '../transaction-queries.js';

export type RecountVerdict = 'waiting' | 'counting' | 'equal' | 'drift' | 'repaired' | 'busy' | 'failed';

export interface RecountRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly spaceId: string | null;
  readonly repair: boolean;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
  /** Spaces by verdict. */
  readonly verdicts: Readonly<Partial<Record<RecountVerdict, number>>>;
}

export interface RecountedSpaceRecord {
  readonly spaceId: string;
  readonly name: string;
  readonly verdict: RecountVerdict;
  readonly ledgerBytes: number | null;
  readonly ledgerFiles: number | null;
  readonly storedBytes: number | null;
  readonly storedFiles: number | null;
  readonly countedAt: Date | null;
}

/** A space that a worker is to count. */
export interface ClaimedSpace {
  readonly recountId: string;
  readonly repair: boolean;
  readonly id: string;
  readonly tenantId: string;
  readonly backend: 'local';
  readonly root: string;
}

/** What a worker found. */
export interface RecountOutcome {
  readonly verdict: 'equal' | 'drift' | 'busy' | 'failed';
  readonly ledger: { readonly bytes: number; readonly files: number } | null;
  readonly stored: { readonly bytes: number; readonly files: number } | null;
}

const SELECT = `
  SELECT r.id, r.tenant_id AS "tenantId", r.space_id AS "spaceId", r.repair, r.created_at AS "createdAt",
    r.finished_at AS "finishedAt",
    (SELECT coalesce(json_object_agg(v.verdict, v.spaces), '{}') FROM (
      SELECT s.verdict, count(*) AS spaces FROM recount_space s WHERE s.recount_id = r.id GROUP BY s.verdict) v) AS verdicts
  FROM recount r`;
const FIND: Statement = { name: 'recount-find', text: `${SELECT} WHERE r.tenant_id = $1::uuid AND r.id = $2::uuid` };
const LIST_ORDER: readonly SortKey[] = [
  { column: 'r.created_at', type: 'timestamptz' },
  { column: 'r.id', type: 'uuid' },
];

const INSERT: Statement = {
  name: 'recount-insert',
  text: `
    INSERT INTO recount (id, tenant_id, space_id, repair, finished_at)
    SELECT $1::uuid, $2::uuid, $3::uuid, $4::boolean, CASE WHEN $5::integer = 0 THEN now() END
    RETURNING id`,
};
const INSERT_SPACES: Statement = {
  name: 'recount-insert-spaces',
  text: `
    INSERT INTO recount_space (recount_id, space_id, name)
    SELECT $1::uuid, s.id, s.name FROM space s
    WHERE s.tenant_id = $2::uuid AND s.removed_at IS NULL AND ($3::uuid IS NULL OR s.id = $3::uuid)`,
};
const COUNT_SPACES: Statement = {
  name: 'recount-count-spaces',
  text: `
    SELECT count(*)::integer AS spaces FROM space s
    WHERE s.tenant_id = $1::uuid AND s.removed_at IS NULL AND ($2::uuid IS NULL OR s.id = $2::uuid)`,
};

/** What differs first, then by name. */
const SPACES: Statement = {
  name: 'recount-spaces',
  text: `
    SELECT s.space_id AS "spaceId", s.name, s.verdict, s.ledger_bytes AS "ledgerBytes", s.ledger_files AS "ledgerFiles",
      s.stored_bytes AS "storedBytes", s.stored_files AS "storedFiles", s.counted_at AS "countedAt"
    FROM recount_space s WHERE s.recount_id = $1::uuid
    ORDER BY s.verdict IN ('drift', 'repaired', 'busy', 'failed') DESC, s.name, s.space_id LIMIT $2`,
};

/** Also what a worker had begun whose row is gone since. */
const CLAIM: Statement = {
  name: 'recount-claim',
  text: `
    UPDATE recount_space c SET verdict = 'counting', worker_id = $1::uuid
    FROM recount r, space s
    WHERE r.id = c.recount_id AND s.id = c.space_id AND (c.recount_id, c.space_id) = (
      SELECT o.recount_id, o.space_id FROM recount_space o JOIN space p ON p.id = o.space_id
      WHERE o.verdict = 'waiting'
        OR (o.verdict = 'counting' AND NOT EXISTS (SELECT 1 FROM worker w WHERE w.id = o.worker_id))
      ORDER BY o.recount_id, o.space_id LIMIT 1 FOR UPDATE OF o SKIP LOCKED)
    RETURNING c.recount_id AS "recountId", r.repair, s.id, s.tenant_id AS "tenantId", s.backend, s.root`,
};
const RETURN: Statement = {
  name: 'recount-return',
  text: `UPDATE recount_space SET verdict = 'waiting', worker_id = NULL WHERE worker_id = $1::uuid AND verdict = 'counting'`,
};
const SETTLE: Statement = {
  name: 'recount-settle',
  text: `
    UPDATE recount_space SET verdict = $3, ledger_bytes = $4::bigint, ledger_files = $5::bigint,
      stored_bytes = $6::bigint, stored_files = $7::bigint, counted_at = now()
    WHERE recount_id = $1::uuid AND space_id = $2::uuid AND verdict = 'counting' AND worker_id = $8::uuid
    RETURNING 1 AS settled`,
};
/** A space that was removed meanwhile has nothing to count. */
const FINISH: Statement = {
  name: 'recount-finish',
  text: `
    UPDATE recount r SET finished_at = now() WHERE r.finished_at IS NULL AND NOT EXISTS (
      SELECT 1 FROM recount_space s JOIN space p ON p.id = s.space_id
      WHERE s.recount_id = r.id AND s.verdict IN ('waiting', 'counting'))`,
};
const ANNOUNCE: Statement = {
  name: 'recount-announce',
  text: 'INSERT INTO outbox (id, event) VALUES ($1::uuid, $2::jsonb)',
};

/** Recounts: the API asks for them, workers carry them out space by space. */
@Injectable()
export class RecountRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  async find(tenantId: string, id: string, queries: Queryable = this.database): Promise<RecountRecord | null> {
    const [row] = await queries.rows<RecountRecord>(FIND, [tenantId, id]);
    return row ?? null;
  }

  /** Newest first. */
  list(tenantId: string, after: readonly unknown[] | null, limit: number): Promise<RecountRecord[]> {
    const { statement, values } = new ListQuery()
      .where('r.tenant_id = ?::uuid', tenantId)
      .after(LIST_ORDER, true, after)
      .build(SELECT, LIST_ORDER, true, limit);
    return this.database.rows<RecountRecord>(statement, values);
  }

  /** What differs comes first. */
  spaces(id: string, limit: number): Promise<RecountedSpaceRecord[]> {
    return this.database.rows<RecountedSpaceRecord>(SPACES, [id, limit]);
  }

  /** In the transaction of the request; the workers hear of it when it commits. Without a space, all of the tenant's. */
  async insert(
    queries: Queryable,
    ask: { readonly id: string; readonly tenantId: string; readonly spaceId: string | null; readonly repair: boolean },
  ): Promise<void> {
    const { id, tenantId, spaceId, repair } = ask;
    const [row] = await queries.rows<{ spaces: number }>(COUNT_SPACES, [tenantId, spaceId]);
    await queries.rows(INSERT, [id, tenantId, spaceId, repair, row!.spaces]);
    await queries.rows(INSERT_SPACES, [id, tenantId, spaceId]);
  }

  /** The next space that waits to be counted, for this worker alone. */
  async claim(workerId: string): Promise<ClaimedSpace | null> {
    const [row] = await this.database.rows<ClaimedSpace>(CLAIM, [workerId]);
    return row ?? null;
  }

  /** The worker ends: what it has begun is for others. */
  async giveBack(workerId: string): Promise<void> {
    await this.database.rows(RETURN, [workerId]);
  }

  /** Keeps what was found, repairs the ledger where that was asked, and tells of drift: all of it or nothing. */
  async settle(workerId: string, claimed: ClaimedSpace, outcome: RecountOutcome): Promise<void> {
    const { recountId, id: spaceId, tenantId } = claimed;
    const { ledger, stored } = outcome;
    const repairs = claimed.repair && outcome.verdict === 'drift';
    await inTransaction(this.database, async (tx) => {
      const queries = queriesOf(tx);
      const verdict = repairs ? 'repaired' : outcome.verdict;
      const settled = await queries.rows(SETTLE, [
        recountId,
        spaceId,
        verdict,
        ledger?.bytes ?? null,
        ledger?.files ?? null,
        stored?.bytes ?? null,
        stored?.files ?? null,
        workerId,
      ]);
      if (settled.length === 0 || outcome.verdict !== 'drift') return;
      const event = {
        id: newId(),
        type: 'space.recounted',
        v: 1,
        at: new Date().toISOString(),
        tenantId,
        accountId: null,
        sessionId: null,
        node: null,
        worker: null,
        data: { recountId, spaceId, ledger, stored, repaired: repairs },
      };
      await queries.rows(ANNOUNCE, [event.id, JSON.stringify(event)]);
      if (!repairs) return;
      const bytes = stored!.bytes - ledger!.bytes;
      const files = stored!.files - ledger!.files;
      await new QuotaLedgerRepository(queries).apply([
        { eventId: event.id, tenantId, spaceId, bytes, files, transferId: null },
      ]);
    });
  }

  /** Ends recounts of which nothing is left to count. */
  async finish(): Promise<void> {
    await this.database.rows(FINISH);
  }
}
