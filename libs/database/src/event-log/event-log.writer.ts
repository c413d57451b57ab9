import type { Queryable, Statement } from '../database.js';
import { countUsage, incrementRows, type UsageIncrement } from '../usage/count-usage.js';
import { TELL_WATCHERS } from './tell-watchers.js';
import { FAN_OUT } from '../webhooks/fan-out.js';

/** An event as it is stored: the envelope of the catalogue. */
export interface EventRow {
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
  readonly type: string;
  readonly v: number;
  readonly tenantId: string | null;
  readonly accountId: string | null;
  readonly sessionId: string | null;
  readonly node: string | null;
  readonly worker: string | null;
  readonly data: unknown;
}

/** The row of the transfer log that an event makes. */
export interface TransferRow {
  readonly id: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly tenantId: string;
  readonly accountId: string;
  readonly account: string;
  readonly sessionId: string;
  readonly spaceId: string | null;
  readonly direction: 'upload' | 'download';
  readonly path: string;
  readonly bytes: number;
  readonly outcome: 'completed' | 'failed' | 'aborted';
  readonly reason: string | null;
  readonly sha256: string | null;
  readonly protocol: 'ftp' | 'ftps';
  readonly remoteAddress: string;
  readonly node: string | null;
}

/** An event with its projections. */
export interface LoggedEvent {
  readonly event: EventRow;
  readonly transfer?: TransferRow | null;
  /** Counted where the event has a tenant. */
  readonly usage?: readonly UsageIncrement[];
}

// One statement is one transaction. The sorts make concurrent batches lock in one order. Three flat lists: to take a
// nested one apart costs more than all inserts.
const APPLY: Statement = {
  name: 'event_log_apply',
  text: `
    WITH fresh AS (
      INSERT INTO event (id, at, type, v, tenant_id, account_id, session_id, node, worker, data)
      SELECT e.id, e.at, e.type, e.v, e."tenantId", e."accountId", e."sessionId", e.node, e.worker, e.data
      FROM jsonb_to_recordset($1::jsonb) AS e (id uuid, at timestamptz, type text, v int, "tenantId" uuid,
        "accountId" uuid, "sessionId" uuid, node text, worker text, data jsonb)
      ORDER BY e.id
      ON CONFLICT DO NOTHING
      RETURNING id, at, type, tenant_id, account_id, session_id
    ), transfers AS (
      INSERT INTO transfer_log (id, started_at, finished_at, event_id, tenant_id, account_id, account, session_id, space_id,
        direction, path, bytes, outcome, reason, sha256, protocol, remote_address, node)
      SELECT t.id, t."startedAt", t."finishedAt", t."eventId", t."tenantId", t."accountId", t.account, t."sessionId",
        t."spaceId", t.direction, t.path, t.bytes, t.outcome, t.reason, t.sha256, t.protocol, t."remoteAddress", t.node
      FROM jsonb_to_recordset($2::jsonb) AS t ("eventId" uuid, id uuid, "startedAt" timestamptz,
        "finishedAt" timestamptz, "tenantId" uuid, "accountId" uuid, account text, "sessionId" uuid, "spaceId" uuid,
        direction text, path text, bytes bigint, outcome text, reason text, sha256 text, protocol text,
        "remoteAddress" text, node text)
      JOIN fresh f ON f.id = t."eventId"
      ORDER BY t."eventId"
      ON CONFLICT DO NOTHING
    ), counted AS (
      SELECT id, at, tenant_id, account_id FROM fresh WHERE tenant_id IS NOT NULL
    ), ${countUsage('$3')}, ${FAN_OUT}, ${TELL_WATCHERS}
    SELECT count(*)::int AS count, CASE WHEN count(*) < $4 THEN array_agg(id) END AS ids,
      (SELECT count(done) FROM told) AS told
    FROM fresh`,
};

/**
 * Writes the event log and what is derived from it: transfer log, usage counters and webhook deliveries, in one
 * transaction per batch.
 */
export class EventLogWriter {
  constructor(private readonly database: Queryable) {}

  /** Each event id counts once, however often it comes. Resolves to the ids that were new. */
  async applyEvents(events: readonly LoggedEvent[]): Promise<string[]> {
    // The first of each id: what derives from it counts once, whatever the batch repeats.
    const byId = new Map<string, LoggedEvent>();
    for (const logged of events) if (!byId.has(logged.event.id)) byId.set(logged.event.id, logged);
    if (byId.size === 0) return [];
    const rows: EventRow[] = [];
    const transfers: (TransferRow & { readonly eventId: string })[] = [];
    const increments: { readonly id: string; readonly usage: readonly UsageIncrement[] }[] = [];
    for (const { event, transfer, usage } of byId.values()) {
      rows.push(event);
      if (transfer) transfers.push({ eventId: event.id, ...transfer });
      if (usage !== undefined && usage.length > 0) increments.push({ id: event.id, usage });
    }
    const values = [JSON.stringify(rows), JSON.stringify(transfers), incrementRows(increments), byId.size];
    const [applied] = await this.database.rows<{ count: number; ids: string[] | null }>(APPLY, values);
    return applied!.count === byId.size ? [...byId.keys()] : (applied!.ids ?? []);
  }

  /** Make the partitions of the months ahead; resolves to how many were made. */
  async ensurePartitions(monthsAhead: number): Promise<number> {
    const [row] = await this.database.rows<{ made: number }>(PARTITIONS, [monthsAhead]);
    return row!.made;
  }

  /** Drop the months of a log that are older than `keepDays`; resolves to how many partitions and rows went. */
  async dropPartitions(log: 'event' | 'transfer_log', keepDays: number): Promise<number> {
    const [row] = await this.database.rows<{ dropped: number; deleted: number }>(DROP, [log, keepDays]);
    return row!.dropped + row!.deleted;
  }
}

const PARTITIONS: Statement = { name: 'ensure_partitions', text: 'SELECT ensure_partitions($1) AS made' };
const DROP: Statement = { name: 'drop_partitions', text: 'SELECT dropped, deleted FROM drop_partitions($1, $2)' };
