/**
 * Tells by NOTIFY which events are new, of the tenants that somebody watches: the part of the event log's statement that
 * follows a CTE `fresh`. A payload has room for 8000 bytes, so for these ids of one batch; whoever watches finds more in
 * the log.
 */
export const TELL_WATCHERS = `
    told AS MATERIALIZED (
      SELECT pg_notify('quayside_changed', json_build_object('table', 'event', 'op', 'insert', 'id', NULL,
        'tenantId', n.tenant_id, 'accountId', NULL, 'ids', n.ids)::text)::text AS done
      FROM (SELECT f.tenant_id, (array_agg(f.id ORDER BY f.id))[1:150] AS ids FROM fresh f
            JOIN event_watch w ON w.tenant_id = f.tenant_id AND w.watched_until > now() GROUP BY f.tenant_id) n
    )`;
