-- What is renamed from one space into another changes two ledgers: the target's room is reserved first (a lease of kind
-- `move`, which counts in the space only: the tenant has the bytes already), and both ledgers change with one event.

ALTER TABLE "quota_lease" DROP CONSTRAINT "quota_lease_kind_check";
ALTER TABLE "quota_lease" ADD CONSTRAINT "quota_lease_kind_check" CHECK ("kind" IN ('upload', 'partial', 'move'));

-- Reserves in a space what a move brings. `p_folder`, for folders: its path in the space that it leaves; `mounted` where
-- it holds the root of somebody's mount, which would go on writing into a folder that counts elsewhere.
CREATE FUNCTION "quota_reserve_move"(
  "p_lease" uuid, "p_tenant" uuid, "p_from" uuid, "p_folder" text, "p_space" uuid, "p_account" uuid, "p_worker" uuid,
  "p_bytes" bigint, "p_files" bigint, "p_ttl_ms" bigint
) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  s quota_ledger;
  bytes bigint := GREATEST(p_bytes, 0);
  files bigint := GREATEST(p_files, 0);
BEGIN
  SELECT * INTO s FROM quota_ledger q WHERE q.id = p_space AND q.kind = 'space' AND q.tenant_id = p_tenant FOR NO KEY UPDATE;
  IF s.id IS NULL THEN RETURN 'missing'; END IF;
  IF p_folder IS NOT NULL AND EXISTS (
    SELECT 1 FROM mount m WHERE m.space_id = p_from AND (m.subpath = p_folder OR starts_with(m.subpath, p_folder || '/'))
  ) THEN RETURN 'mounted'; END IF;
  IF (bytes > 0 AND bytes > s.bytes_limit - s.bytes_used - s.bytes_reserved)
    OR (files > 0 AND files > s.files_limit - s.files_used - s.files_reserved) THEN RETURN 'refused'; END IF;
  INSERT INTO quota_lease (id, kind, tenant_id, space_id, account_id, worker_id, bytes, files, started_at, expires_at)
  VALUES (p_lease, 'move', p_tenant, p_space, p_account, p_worker, bytes, files, now(), now() + p_ttl_ms * interval '1 millisecond');
  UPDATE quota_ledger q SET bytes_reserved = q.bytes_reserved + bytes, files_reserved = q.files_reserved + files WHERE q.id = p_space;
  RETURN 'granted';
END $$;

CREATE OR REPLACE FUNCTION "quota_release"("p_lease" uuid, "p_kept" bigint, "p_ttl_ms" bigint, "p_as" uuid DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  seen quota_lease;
  room bigint;
  kept bigint;
  kept_files bigint;
BEGIN
  SELECT * INTO seen FROM quota_lease WHERE id = p_lease;
  IF NOT FOUND THEN RETURN 0; END IF;
  PERFORM 1 FROM quota_ledger WHERE id = seen.space_id FOR NO KEY UPDATE;
  PERFORM 1 FROM quota_ledger WHERE id = seen.tenant_id FOR NO KEY UPDATE;
  SELECT * INTO seen FROM quota_lease WHERE id = p_lease FOR UPDATE;
  IF NOT FOUND THEN RETURN 0; END IF;
  -- The partial has its lease still: nothing was taken from it.
  IF EXISTS (SELECT 1 FROM quota_lease WHERE id = p_as AND id <> p_lease) THEN p_kept := 0; END IF;
  SELECT min(coalesce(bytes_limit - bytes_used - bytes_reserved, 9007199254740991)) INTO room
    FROM quota_ledger WHERE id IN (seen.space_id, seen.tenant_id);
  kept := GREATEST(LEAST(p_kept, seen.bytes + GREATEST(coalesce(room, 0), 0)), 0);
  kept_files := CASE WHEN kept > 0 THEN seen.files ELSE 0 END;
  IF kept > 0 THEN
    UPDATE quota_lease SET id = coalesce(p_as, id), kind = 'partial', worker_id = NULL, bytes = kept, wanted_bytes = 0,
      expires_at = now() + p_ttl_ms * interval '1 millisecond' WHERE id = p_lease;
  ELSE
    DELETE FROM quota_lease WHERE id = p_lease;
  END IF;
  UPDATE quota_ledger SET bytes_reserved = bytes_reserved + kept - seen.bytes, files_reserved = files_reserved + kept_files - seen.files
  WHERE id = seen.space_id OR (id = seen.tenant_id AND seen.kind <> 'move');
  PERFORM quota_wake(ARRAY[seen.tenant_id], p_lease);
  RETURN kept;
END $$;

CREATE OR REPLACE FUNCTION "quota_apply"(
  "p_events" uuid[], "p_leases" uuid[], "p_tenants" uuid[], "p_spaces" uuid[], "p_bytes" bigint[], "p_files" bigint[]
) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  applied integer;
BEGIN
  PERFORM 1 FROM quota_ledger WHERE kind = 'space'
    AND (id = ANY (p_spaces) OR id IN (SELECT l.space_id FROM quota_lease l WHERE l.id = ANY (p_leases)))
    ORDER BY id FOR NO KEY UPDATE;
  PERFORM 1 FROM quota_ledger WHERE kind = 'tenant'
    AND (id = ANY (p_tenants) OR id IN (SELECT l.tenant_id FROM quota_lease l WHERE l.id = ANY (p_leases)))
    ORDER BY id FOR NO KEY UPDATE;
  PERFORM 1 FROM quota_lease WHERE id = ANY (p_leases) ORDER BY id FOR UPDATE;
  WITH entry AS (
    INSERT INTO ledger_entry (event_id, tenant_id, space_id, bytes, files)
    SELECT * FROM unnest(p_events, p_tenants, p_spaces, p_bytes, p_files) AS e (event_id, tenant_id, space_id, bytes, files)
    ORDER BY e.event_id, e.space_id
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, space_id, bytes, files
  ), lease AS (
    DELETE FROM quota_lease WHERE id = ANY (p_leases) RETURNING kind, tenant_id, space_id, bytes, files
  ), change AS (
    SELECT space_id AS id, bytes, files, 0 AS reserved_bytes, 0 AS reserved_files FROM entry
    UNION ALL SELECT tenant_id, bytes, files, 0, 0 FROM entry
    UNION ALL SELECT space_id, 0, 0, bytes, files FROM lease
    UNION ALL SELECT tenant_id, 0, 0, bytes, files FROM lease WHERE kind <> 'move'
  ), total AS (
    SELECT id, sum(bytes) AS bytes, sum(files) AS files, sum(reserved_bytes) AS reserved_bytes, sum(reserved_files) AS reserved_files
    FROM change GROUP BY id
  ), updated AS (
    UPDATE quota_ledger q SET bytes_used = q.bytes_used + total.bytes, files_used = q.files_used + total.files,
      bytes_reserved = q.bytes_reserved - total.reserved_bytes, files_reserved = q.files_reserved - total.reserved_files
    FROM total WHERE q.id = total.id
    RETURNING 1
  )
  SELECT count(*) INTO applied FROM entry;
  PERFORM quota_wake(p_tenants, NULL);
  RETURN applied;
END $$;

CREATE OR REPLACE FUNCTION "quota_sweep"("p_most" integer) RETURNS SETOF uuid
LANGUAGE plpgsql AS $$
DECLARE
  stale uuid[];
  tenants uuid[];
BEGIN
  SELECT array_agg(id) INTO stale FROM (
    SELECT id FROM quota_lease WHERE kind IN ('upload', 'move') AND expires_at < now() ORDER BY expires_at LIMIT p_most) s;
  IF stale IS NULL THEN RETURN; END IF;
  PERFORM 1 FROM quota_ledger WHERE kind = 'space'
    AND id IN (SELECT l.space_id FROM quota_lease l WHERE l.id = ANY (stale)) ORDER BY id FOR NO KEY UPDATE;
  PERFORM 1 FROM quota_ledger WHERE kind = 'tenant'
    AND id IN (SELECT l.tenant_id FROM quota_lease l WHERE l.id = ANY (stale)) ORDER BY id FOR NO KEY UPDATE;
  PERFORM 1 FROM quota_lease WHERE id = ANY (stale) ORDER BY id FOR UPDATE;
  SELECT array_agg(DISTINCT l.tenant_id) INTO tenants FROM quota_lease l WHERE l.id = ANY (stale);
  RETURN QUERY
  WITH lease AS (
    -- Asked again: a lease may have been renewed or applied while we waited for the locks.
    DELETE FROM quota_lease WHERE id = ANY (stale) AND kind IN ('upload', 'move') AND expires_at < now()
    RETURNING id, kind, tenant_id, space_id, bytes, files
  ), total AS (
    SELECT ledger_id, sum(bytes) AS bytes, sum(files) AS files
    FROM (SELECT space_id AS ledger_id, bytes, files FROM lease UNION ALL SELECT tenant_id, bytes, files FROM lease WHERE kind <> 'move') both_ledgers
    GROUP BY ledger_id
  ), updated AS (
    UPDATE quota_ledger q SET bytes_reserved = q.bytes_reserved - total.bytes, files_reserved = q.files_reserved - total.files
    FROM total WHERE q.id = total.ledger_id
    RETURNING 1
  )
  SELECT lease.id FROM lease;
  PERFORM quota_wake(tenants, NULL);
END $$;
