import type { Queryable, Statement } from '../database.js';
import { COUNT_USAGE, type UsageIncrement } from '../usage/count-usage.js';
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

// One statement is one transaction. Both sorts make concurrent batches lock in one order.
const APPLY: Statement = {
  name: 'event_log_apply',
  text: `
    WITH input AS (
      SELECT e.event, e.transfer, e.usage, (e.event ->> 'id')::uuid AS id, (e.event ->> 'at')::timestamptz AS at
      FROM jsonb_to_recordset($1::jsonb) AS e (event jsonb, transfer jsonb, usage jsonb)
    ), fresh AS (
      INSERT INTO event (id, at, type, v, tenant_id, account_id, session_id, node, worker, data)
      SELECT i.id, i.at, i.event ->> 'type', (i.event ->> 'v')::int, (i.event ->> 'tenantId')::uuid,
        (i.event ->> 'accountId')::uuid, (i.event ->> 'sessionId')::uuid, i.event ->> 'node', i.event ->> 'worker', i.event -> 'data'
      FROM input i ORDER BY i.id
      ON CONFLICT DO NOTHING
      RETURNING id, at, type, tenant_id, account_id, session_id
    ), first AS (
      SELECT DISTINCT ON (f.id) f.id, f.at, f.tenant_id, f.account_id, i.transfer, i.usage
      FROM fresh f JOIN input i ON i.id = f.id ORDER BY f.id
    ), transfers AS (
      INSERT INTO transfer_log (id, started_at, finished_at, event_id, tenant_id, account_id, account, session_id, space_id,
        direction, path, bytes, outcome, reason, sha256, protocol, remote_address, node)
      SELECT t.id, t."startedAt", t."finishedAt", f.id, t."tenantId", t."accountId", t.account, t."sessionId", t."spaceId",
        t.direction, t.path, t.bytes, t.outcome, t.reason, t.sha256, t.protocol, t."remoteAddress", t.node
      FROM first f, jsonb_to_record(f.transfer) AS t (id uuid, "startedAt" timestamptz, "finishedAt" timestamptz,
        "tenantId" uuid, "accountId" uuid, account text, "sessionId" uuid, "spaceId" uuid, direction text, path text,
        bytes bigint, outcome text, reason text, sha256 text, protocol text, "remoteAddress" text, node text)
      WHERE jsonb_typeof(f.transfer) = 'object'
      ON CONFLICT DO NOTHING
    ), counted AS (
      SELECT f.id, f.at, f.tenant_id, f.account_id, f.usage FROM first f
      WHERE f.tenant_id IS NOT NULL AND jsonb_typeof(f.usage) = 'array'
    ), ${COUNT_USAGE}, ${FAN_OUT}, ${TELL_WATCHERS}
    SELECT id, (SELECT count(done) FROM told) AS told FROM fresh`,
};

/**
 * Writes the event log and what is derived from it: transfer log, usage counters and webhook deliveries, in one
 * transaction per batch.
 */
export class EventLogWriter {
  constructor(private readonly database: Queryable) {}

  /** Each event id counts once, however often it comes. Resolves to the ids that were new. */
  async applyEvents(events: readonly LoggedEvent[]): Promise<string[]> {
    if (events.length === 0) return [];
    const rows = await this.database.rows<{ id: string }>(APPLY, [JSON.stringify(events)]);
    return rows.map(({ id }) => id);
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
