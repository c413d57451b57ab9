import { type Database, type Statement } from '../database.js';
import { inSqlTransaction } from '../transaction.js';

/** A lane that this process may send for, until `claim` runs out. */
export interface ClaimedLane {
  readonly endpointId: string;
  readonly lane: string;
  readonly tenantId: string;
  readonly claim: string;
  readonly failures: number;
  readonly url: string;
  readonly enabled: boolean;
  /** The secrets that sign now: the present one first. */
  readonly secrets: readonly string[];
}

/** What is to be sent next on a lane. */
export interface PendingDelivery {
  readonly id: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly createdAt: Date;
  readonly attempts: number;
  /** The message; null where the event is no longer in the log. */
  readonly payload: Readonly<Record<string, unknown>> | null;
}

/** What came of one request. */
export interface DeliveryAttempt {
  readonly durationMs: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly response: string | null;
}

const CLAIM: Statement = {
  name: 'webhook-claim',
  text: `
    WITH picked AS (
      SELECT l.endpoint_id, l.lane FROM webhook_lane l
      WHERE l.due_at <= now() AND l.endpoint_id <> ALL ($3::uuid[]) AND l.tenant_id <> ALL ($4::uuid[])
      ORDER BY l.due_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE webhook_lane l SET claim = $1, due_at = now() + $2::int * interval '1 millisecond'
    FROM picked p JOIN webhook_endpoint e ON e.id = p.endpoint_id
    WHERE l.endpoint_id = p.endpoint_id AND l.lane = p.lane
    RETURNING l.endpoint_id AS "endpointId", l.lane, l.tenant_id AS "tenantId", l.claim, l.failures, e.url, e.enabled,
      CASE WHEN e.previous_expires_at > now() THEN ARRAY[e.secret, e.previous_secret] ELSE ARRAY[e.secret] END AS secrets`,
};
const NEXT_DUE: Statement = {
  name: 'webhook-next-due',
  text: `SELECT extract(epoch FROM min(due_at) - now())::float8 * 1000 AS ms FROM webhook_lane
         WHERE endpoint_id <> ALL ($1::uuid[]) AND tenant_id <> ALL ($2::uuid[])`,
};
const HEAD: Statement = {
  name: 'webhook-head',
  text: `
    SELECT d.id, d.event_id AS "eventId", d.event_type AS "eventType", d.created_at AS "createdAt", d.attempts,
      coalesce(d.payload, (
        SELECT jsonb_build_object('id', e.id, 'type', e.type, 'timestamp', to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          'v', e.v, 'tenantId', e.tenant_id, 'accountId', e.account_id, 'sessionId', e.session_id, 'node', e.node, 'data', e.data)
        FROM event e WHERE e.id = d.event_id AND e.at = d.event_at)) AS payload
    FROM webhook_delivery d
    WHERE d.endpoint_id = $1 AND d.lane = $2 AND d.status = 'pending' ORDER BY d.event_id, d.seq LIMIT 1`,
};
const RENEW: Statement = {
  name: 'webhook-renew',
  text: `UPDATE webhook_lane SET due_at = now() + $4::int * interval '1 millisecond', failures = $5
         WHERE endpoint_id = $1 AND lane = $2 AND claim = $3 RETURNING lane`,
};
const RELEASE: Statement = {
  name: 'webhook-release',
  text: `UPDATE webhook_lane SET due_at = now() + $4::int * interval '1 millisecond', failures = $5, claim = NULL
         WHERE endpoint_id = $1 AND lane = $2 AND claim = $3 RETURNING lane`,
};
const LOCK: Statement = {
  name: 'webhook-lock',
  text: 'SELECT lane FROM webhook_lane WHERE endpoint_id = $1 AND lane = $2 AND claim = $3 FOR UPDATE',
};
const REMOVE: Statement = {
  name: 'webhook-remove',
  text: `DELETE FROM webhook_lane l WHERE l.endpoint_id = $1 AND l.lane = $2
           AND NOT EXISTS (SELECT FROM webhook_delivery d WHERE d.endpoint_id = $1 AND d.lane = $2 AND d.status = 'pending')
         RETURNING l.lane`,
};
const RECORD: Statement = {
  name: 'webhook-record',
  text: `
    WITH d AS (
      UPDATE webhook_delivery SET attempts = attempts + 1, last_status = $3, last_error = $4, status = $6,
        finished_at = CASE WHEN $6 = 'pending' THEN NULL ELSE now() END
      WHERE id = $1 AND status = 'pending' RETURNING id
    )
    INSERT INTO webhook_attempt (delivery_id, duration_ms, status, error, response) SELECT id, $2, $3, $4, $5 FROM d`,
};
const BURY: Statement = {
  name: 'webhook-bury',
  text: `UPDATE webhook_delivery SET status = 'dead', last_error = coalesce(last_error, $2), finished_at = now()
         WHERE id = $1 AND status = 'pending'`,
};
const EXPIRE: Statement = {
  name: 'webhook-expire',
  text: `
    UPDATE webhook_delivery SET status = 'dead', last_error = coalesce(last_error, $3), finished_at = now()
    WHERE id IN (SELECT id FROM webhook_delivery WHERE endpoint_id = $1 AND lane = $2 AND status = 'pending'
      AND created_at < now() - $4::int * interval '1 second' ORDER BY event_id LIMIT 1000) RETURNING id`,
};
const DISABLE: Statement = {
  name: 'webhook-disable',
  text: `UPDATE webhook_endpoint SET enabled = false, disabled_reason = $2, version = version + 1, updated_at = now()
         WHERE id = $1 AND enabled`,
};
const PRUNE: Statement = {
  name: 'webhook-prune',
  text: `DELETE FROM webhook_delivery WHERE id IN (
           SELECT id FROM webhook_delivery WHERE finished_at < now() - $1::int * interval '1 day' ORDER BY finished_at LIMIT $2)
         RETURNING 1 AS pruned`,
};
const BACKLOG: Statement = {
  name: 'webhook-backlog',
  text: `SELECT count(*)::int AS lanes, (SELECT count(*) FROM webhook_delivery WHERE status = 'pending')::int AS pending FROM webhook_lane`,
};

/** The delivery workers' side: lanes are claimed with SKIP LOCKED, and a claim runs out by itself. */
export class WebhookQueueRepository {
  constructor(private readonly database: Database) {}

  /** The lane that has waited longest, of none of these endpoints and tenants; null where none is due. */
  async claim(
    claim: string,
    leaseMs: number,
    without: { readonly endpoints: readonly string[]; readonly tenants: readonly string[] },
  ): Promise<ClaimedLane | null> {
    const values = [claim, leaseMs, without.endpoints, without.tenants];
    const [row] = await this.database.rows<ClaimedLane>(CLAIM, values);
    return row ?? null;
  }

  /** Milliseconds until a lane is due, at least 0; null where there is none. */
  async nextDueMs(without: {
    readonly endpoints: readonly string[];
    readonly tenants: readonly string[];
  }): Promise<number | null> {
    const [row] = await this.database.rows<{ ms: number | null }>(NEXT_DUE, [without.endpoints, without.tenants]);
    return row?.ms == null ? null : Math.max(0, row.ms);
  }

  /** The oldest pending delivery of a lane. */
  async head(lane: ClaimedLane): Promise<PendingDelivery | null> {
    const [row] = await this.database.rows<PendingDelivery>(HEAD, [lane.endpointId, lane.lane]);
    return row ?? null;
  }

  /** Holds the claim on; false where it was lost to another process. */
  async renew(lane: ClaimedLane, leaseMs: number, failures: number): Promise<boolean> {
    const values = [lane.endpointId, lane.lane, lane.claim, leaseMs, failures];
    return (await this.database.rows(RENEW, values)).length === 1;
  }

  /** Gives the claim back; the lane is due again after `delayMs`. */
  async release(lane: ClaimedLane, delayMs: number, failures: number): Promise<void> {
    await this.database.rows(RELEASE, [lane.endpointId, lane.lane, lane.claim, Math.round(delayMs), failures]);
  }

  /** Removes a lane without pending deliveries; false where there are some again, or the claim was lost. */
  remove(lane: ClaimedLane): Promise<boolean> {
    return inSqlTransaction(this.database, async (sql) => {
      // The lock waits for a fan-out that is about to commit; the next statement sees what it has added.
      const [locked] = await sql.rows(LOCK, [lane.endpointId, lane.lane, lane.claim]);
      return locked !== undefined && (await sql.rows(REMOVE, [lane.endpointId, lane.lane])).length === 1;
    });
  }

  /** Writes down an attempt and what the delivery is now. */
  async record(deliveryId: string, attempt: DeliveryAttempt, status: 'pending' | 'delivered' | 'dead'): Promise<void> {
    const { durationMs, error, response } = attempt;
    await this.database.rows(RECORD, [deliveryId, durationMs, attempt.status, error, response, status]);
  }

  /** Gives a delivery up without another attempt. */
  async bury(deliveryId: string, reason: string): Promise<void> {
    await this.database.rows(BURY, [deliveryId, reason]);
  }

  /** Gives up what has waited too long on a lane that cannot be sent now. */
  async expire(lane: ClaimedLane, reason: string, seconds: number): Promise<number> {
    return (await this.database.rows(EXPIRE, [lane.endpointId, lane.lane, reason, seconds])).length;
  }

  /** Switches an endpoint off, because it has said that it is gone. */
  async disable(endpointId: string, reason: string): Promise<void> {
    await this.database.rows(DISABLE, [endpointId, reason]);
  }

  /** Forget finished deliveries with their attempts, at most `most` of them; resolves to how many. */
  async prune(days: number, most: number): Promise<number> {
    return (await this.database.rows(PRUNE, [days, most])).length;
  }

  async backlog(): Promise<{ readonly lanes: number; readonly pending: number }> {
    const [row] = await this.database.rows<{ lanes: number; pending: number }>(BACKLOG);
    return row!;
  }
}
