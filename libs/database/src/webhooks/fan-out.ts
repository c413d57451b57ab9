/**
 * Which deliveries new events make: the part of the event log's statement that follows a CTE `fresh`. The same
 * transaction, so that an event in the log has its deliveries, exactly once. The upsert of a lane that is there takes
 * its row lock: a worker that is about to remove the lane looks again afterwards.
 */
export const FAN_OUT = `
    webhooks AS (
      INSERT INTO webhook_delivery (tenant_id, endpoint_id, lane, event_id, event_at, event_type)
      SELECT f.tenant_id, e.id, coalesce(f.account_id, f.session_id, '00000000-0000-0000-0000-000000000000'), f.id, f.at, f.type
      FROM fresh f JOIN webhook_endpoint e ON e.tenant_id = f.tenant_id AND e.enabled
      WHERE cardinality(e.event_types) = 0 OR EXISTS (
        SELECT FROM unnest(e.event_types) AS wanted
        WHERE f.type = wanted OR (wanted LIKE '%*' AND starts_with(f.type, left(wanted, -1))))
      ORDER BY f.id, e.id
      RETURNING endpoint_id, lane, tenant_id
    ), lanes AS (
      INSERT INTO webhook_lane (endpoint_id, lane, tenant_id)
      SELECT DISTINCT endpoint_id, lane, tenant_id FROM webhooks ORDER BY 1, 2
      ON CONFLICT (endpoint_id, lane) DO UPDATE SET tenant_id = excluded.tenant_id
    )`;
