import { binaryArray } from '../binary-array.js';
import type { Queryable, Statement } from '../database.js';
import { countUsage, incrementColumns, type UsageIncrement } from '../usage/count-usage.js';
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

// One statement is one transaction. The sorts make concurrent batches lock in one order. Columns instead of JSON, and
// taken apart in the list of what is selected, which needs no copy of them: to read JSON costs more than all inserts.
const APPLY: Statement = {
  name: 'event_log_apply',
  text: `
    WITH fresh AS (
      INSERT INTO event (id, at, type, v, tenant_id, account_id, session_id, node, worker, data)
      SELECT e.id, e.at, e.type, e.v::int, e.tenant_id, e.account_id, e.session_id, e.node, e.worker, e.data
      FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::timestamptz[]) AS at, unnest($3::text[]) AS type,
        unnest($4::bigint[]) AS v, unnest($5::uuid[]) AS tenant_id, unnest($6::uuid[]) AS account_id,
        unnest($7::uuid[]) AS session_id, unnest($8::text[]) AS node, unnest($9::text[]) AS worker,
        unnest($10::jsonb[]) AS data) e
      ORDER BY e.id
      ON CONFLICT DO NOTHING
      RETURNING id, at, type, tenant_id, account_id, session_id
    ), transfers AS (
      INSERT INTO transfer_log (id, started_at, finished_at, event_id, tenant_id, account_id, account, session_id, space_id,
        direction, path, bytes, outcome, reason, sha256, protocol, remote_address, node)
      SELECT t.id, t.started_at, t.finished_at, t.event_id, t.tenant_id, t.account_id, t.account, t.session_id, t.space_id,
        t.direction, t.path, t.bytes, t.outcome, t.reason, t.sha256, t.protocol, t.remote_address, t.node
      FROM (SELECT unnest($11::uuid[]) AS event_id, unnest($12::uuid[]) AS id, unnest($13::timestamptz[]) AS started_at,
        unnest($14::timestamptz[]) AS finished_at, unnest($15::uuid[]) AS tenant_id, unnest($16::uuid[]) AS account_id,
        unnest($17::text[]) AS account, unnest($18::uuid[]) AS session_id, unnest($19::uuid[]) AS space_id,
        unnest($20::text[]) AS direction, unnest($21::text[]) AS path, unnest($22::bigint[]) AS bytes,
        unnest($23::text[]) AS outcome, unnest($24::text[]) AS reason, unnest($25::text[]) AS sha256,
        unnest($26::text[]) AS protocol, unnest($27::text[]) AS remote_address, unnest($28::text[]) AS node) t
      JOIN fresh f ON f.id = t.event_id
      ORDER BY t.event_id
      ON CONFLICT DO NOTHING
    ), counted AS (
      SELECT id, at, tenant_id, account_id FROM fresh WHERE tenant_id IS NOT NULL
    ), ${countUsage(30)}, ${FAN_OUT}, ${TELL_WATCHERS}
    SELECT count(*)::int AS count, CASE WHEN count(*) < $29::int THEN array_agg(id) END AS ids,
      (SELECT count(done) FROM told) AS told
    FROM fresh`,
};

/** In the order of the statement's parameters. */
function eventColumns(rows: readonly EventRow[]): Buffer[] {
  return [
    binaryArray('uuid', rows, ({ id }) => id),
    binaryArray('timestamptz', rows, ({ at }) => at),
    binaryArray('text', rows, ({ type }) => type),
    binaryArray('bigint', rows, ({ v }) => v),
    binaryArray('uuid', rows, ({ tenantId }) => tenantId),
    binaryArray('uuid', rows, ({ accountId }) => accountId),
    binaryArray('uuid', rows, ({ sessionId }) => sessionId),
    binaryArray('text', rows, ({ node }) => node),
    binaryArray('text', rows, ({ worker }) => worker),
    binaryArray('jsonb', rows, ({ data }) => JSON.stringify(data)),
  ];
}

/** The same. */
function transferColumns(eventIds: readonly string[], rows: readonly TransferRow[]): Buffer[] {
  return [
    binaryArray('uuid', eventIds, (id) => id),
    binaryArray('uuid', rows, ({ id }) => id),
    binaryArray('timestamptz', rows, ({ startedAt }) => startedAt),
    binaryArray('timestamptz', rows, ({ finishedAt }) => finishedAt),
    binaryArray('uuid', rows, ({ tenantId }) => tenantId),
    binaryArray('uuid', rows, ({ accountId }) => accountId),
    binaryArray('text', rows, ({ account }) => account),
    binaryArray('uuid', rows, ({ sessionId }) => sessionId),
    binaryArray('uuid', rows, ({ spaceId }) => spaceId),
    binaryArray('text', rows, ({ direction }) => direction),
    binaryArray('text', rows, ({ path }) => path),
    binaryArray('bigint', rows, ({ bytes }) => bytes),
    binaryArray('text', rows, ({ outcome }) => outcome),
    binaryArray('text', rows, ({ reason }) => reason),
    binaryArray('text', rows, ({ sha256 }) => sha256),
    binaryArray('text', rows, ({ protocol }) => protocol),
    binaryArray('text', rows, ({ remoteAddress }) => remoteAddress),
    binaryArray('text', rows, ({ node }) => node),
  ];
}

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
    const transfers: TransferRow[] = [];
    const transferEvents: string[] = [];
    const increments: { readonly id: string; readonly usage: readonly UsageIncrement[] }[] = [];
    for (const { event, transfer, usage } of byId.values()) {
      rows.push(event);
      if (transfer) {
        transfers.push(transfer);
        transferEvents.push(event.id);
      }
      if (usage !== undefined && usage.length > 0) increments.push({ id: event.id, usage });
    }
    const values = [
      ...eventColumns(rows),
      ...transferColumns(transferEvents, transfers),
      byId.size,
      ...incrementColumns(increments),
    ];
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
