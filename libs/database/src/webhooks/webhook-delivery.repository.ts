import { Inject, Injectable } from '@nestjs/common';
import { Database, type Queryable, type Statement } from '../database.js';
import { ListQuery, type SortKey } from '../list-query.js';

export interface WebhookDeliveryRecord {
  readonly seq: number;
  readonly id: string;
  readonly eventId: string;
  readonly eventAt: Date;
  readonly eventType: string;
  readonly origin: string;
  readonly status: string;
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

export interface WebhookAttemptRecord {
  readonly at: Date;
  readonly durationMs: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly response: string | null;
}

export interface WebhookDeliveryFilter {
  readonly status?: string | undefined;
  readonly eventType?: string | undefined;
  readonly eventId?: string | undefined;
}

/** Events to be sent again: those with these ids, or those of a time range. */
export type ReplaySelection =
  | { readonly eventIds: readonly string[] }
  | { readonly from: Date; readonly to: Date; readonly eventTypes: readonly string[] };

export interface ReplayResult {
  readonly queued: number;
  /** Where the next call has to begin; null when nothing is left. */
  readonly continueFrom: Date | null;
}

const COLUMNS = `d.seq, d.id, d.event_id AS "eventId", d.event_at AS "eventAt", d.event_type AS "eventType", d.origin,
  d.status, d.attempts, d.last_status AS "lastStatus", d.last_error AS "lastError", d.created_at AS "createdAt",
  d.finished_at AS "finishedAt"`;

const FIND: Statement = {
  name: 'webhook-delivery-find',
  text: `SELECT ${COLUMNS} FROM webhook_delivery d WHERE d.tenant_id = $1::uuid AND d.endpoint_id = $2::uuid AND d.id = $3::uuid`,
};
const ATTEMPTS: Statement = {
  name: 'webhook-delivery-attempts',
  text: `SELECT at, duration_ms AS "durationMs", status, error, response FROM webhook_attempt
         WHERE delivery_id = $1::uuid ORDER BY id DESC LIMIT $2`,
};

const LANE = `coalesce(e.account_id, e.session_id, '00000000-0000-0000-0000-000000000000')`;

function queueing(events: string): string {
  return `
    WITH chosen AS MATERIALIZED (${events}), queued AS (
      INSERT INTO webhook_delivery (tenant_id, endpoint_id, lane, event_id, event_at, event_type, origin)
      SELECT $1::uuid, $2::uuid, c.lane, c.id, c.at, c.type, 'replay' FROM chosen c ORDER BY c.at, c.id
      RETURNING lane
    ), lanes AS (
      INSERT INTO webhook_lane (endpoint_id, lane, tenant_id) SELECT DISTINCT $2::uuid, lane, $1::uuid FROM queued ORDER BY 2
      ON CONFLICT (endpoint_id, lane) DO UPDATE SET tenant_id = excluded.tenant_id
    )
    SELECT (SELECT count(*) FROM queued)::int AS queued, (SELECT max(at) FROM chosen) AS last`;
}

const REPLAY_IDS: Statement = {
  name: 'webhook-replay-ids',
  text: queueing(`SELECT e.id, e.at, e.type, ${LANE} AS lane FROM event e
    WHERE e.tenant_id = $1::uuid AND e.id = ANY ($3::uuid[])`),
};
const REPLAY_RANGE: Statement = {
  name: 'webhook-replay-range',
  text: queueing(`SELECT e.id, e.at, e.type, ${LANE} AS lane FROM event e
    WHERE e.tenant_id = $1::uuid AND e.at >= $3::timestamptz AND e.at < $4::timestamptz
      AND (cardinality($5::text[]) = 0 OR EXISTS (SELECT FROM unnest($5::text[]) AS wanted
        WHERE e.type = wanted OR (wanted LIKE '%*' AND starts_with(e.type, left(wanted, -1)))))
    ORDER BY e.at, e.id LIMIT $6::int`),
};
// A lane of its own: the test does not wait behind deliveries that fail.
const TEST: Statement = {
  name: 'webhook-test',
  text: `
    WITH d AS (
      INSERT INTO webhook_delivery AS d (tenant_id, endpoint_id, lane, event_id, event_at, event_type, origin, payload)
      VALUES ($1::uuid, $2::uuid, $3::uuid, $3::uuid, $4::timestamptz, 'webhook.test', 'test', $5::jsonb) RETURNING ${COLUMNS}
    ), lane AS (
      INSERT INTO webhook_lane (endpoint_id, lane, tenant_id) VALUES ($2::uuid, $3::uuid, $1::uuid)
    )
    SELECT * FROM d`,
};

const LIST_ORDER: readonly SortKey[] = [{ column: 'd.seq', type: 'bigint' }];

/** The deliveries of an endpoint, for whoever looks after it; the event consumer makes and sends them. */
@Injectable()
export class WebhookDeliveryRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  async find(tenantId: string, endpointId: string, id: string): Promise<WebhookDeliveryRecord | null> {
    const [row] = await this.database.rows<WebhookDeliveryRecord>(FIND, [tenantId, endpointId, id]);
    return row ?? null;
  }

  /** Newest first. */
  async list(
    tenantId: string,
    endpointId: string,
    filter: WebhookDeliveryFilter,
    after: readonly unknown[] | null,
    limit: number,
  ): Promise<WebhookDeliveryRecord[]> {
    const query = new ListQuery().where('d.tenant_id = ?::uuid', tenantId).where('d.endpoint_id = ?::uuid', endpointId);
    // Written out, so that the planner sees the partial index of that status.
    if (filter.status === 'dead') query.where("d.status = 'dead'");
    else if (filter.status === 'pending') query.where("d.status = 'pending'");
    else if (filter.status !== undefined) query.where('d.status = ?', filter.status);
    if (filter.eventType !== undefined) query.where('d.event_type = ?', filter.eventType);
    if (filter.eventId !== undefined) query.where('d.event_id = ?::uuid', filter.eventId);
    const { statement, values } = query
      .after(LIST_ORDER, true, after)
      .build(`SELECT ${COLUMNS} FROM webhook_delivery d`, LIST_ORDER, true, limit);
    return this.database.rows<WebhookDeliveryRecord>(statement, values);
  }

  /** The requests of a delivery, the last one first. */
  attempts(deliveryId: string, most: number): Promise<WebhookAttemptRecord[]> {
    return this.database.rows<WebhookAttemptRecord>(ATTEMPTS, [deliveryId, most]);
  }

  /** Queues events of the log once more; of a range at most `most`, oldest first. */
  async replay(
    queries: Queryable,
    tenantId: string,
    endpointId: string,
    selection: ReplaySelection,
    most: number,
  ): Promise<ReplayResult> {
    if ('eventIds' in selection) {
      const [row] = await queries.rows<{ queued: number }>(REPLAY_IDS, [tenantId, endpointId, selection.eventIds]);
      return { queued: row!.queued, continueFrom: null };
    }
    const { from, to, eventTypes } = selection;
    const values = [tenantId, endpointId, from.toISOString(), to.toISOString(), eventTypes, most];
    const [row] = await queries.rows<{ queued: number; last: Date | null }>(REPLAY_RANGE, values);
    return { queued: row!.queued, continueFrom: row!.queued < most ? null : row!.last };
  }

  /** Queues a message that is no event. */
  async test(
    queries: Queryable,
    tenantId: string,
    endpointId: string,
    message: { readonly id: string; readonly at: string; readonly payload: Readonly<Record<string, unknown>> },
  ): Promise<WebhookDeliveryRecord> {
    const values = [tenantId, endpointId, message.id, message.at, JSON.stringify(message.payload)];
    const [row] = await queries.rows<WebhookDeliveryRecord>(TEST, values);
    return row!;
  }
}
