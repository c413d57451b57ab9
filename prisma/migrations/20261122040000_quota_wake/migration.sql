-- Uploads that wait for quota are woken instead of asking again and again: whatever gives bytes back notifies, where
-- somebody of the tenant waits. A lowered limit reaches running uploads at their next question, an upload that waits no
-- longer swallows the lease of the partial it continues, and a lease can go back to the partial it was taken from.

-- Tells the workers that uploads of these tenants may ask again; `p_except` is the asker's own lease. A commit that
-- notifies takes a lock of the whole cluster, so nothing is sent where nobody waits.
CREATE FUNCTION "quota_wake"("p_tenants" uuid[], "p_except" uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('quayside_changed', json_build_object(
    'table', 'quota_lease', 'op', 'update', 'id', NULL, 'tenantId', waiting.tenant_id, 'accountId', NULL)::text)
  FROM (SELECT DISTINCT l.tenant_id FROM quota_lease l
        WHERE l.tenant_id = ANY (p_tenants) AND l.wanted_bytes > 0 AND l.id IS DISTINCT FROM p_except) waiting;
END $$;

CREATE INDEX "quota_lease_tenant_id_wanted_bytes_idx" ON "quota_lease"("tenant_id", "wanted_bytes");

CREATE OR REPLACE FUNCTION "quota_reserve"(
  "p_lease" uuid, "p_tenant" uuid, "p_space" uuid, "p_account" uuid, "p_worker" uuid,
  "p_need" bigint, "p_want" bigint, "p_files" bigint, "p_started" timestamptz, "p_ttl_ms" bigint, "p_takes" uuid
) RETURNS TABLE ("verdict" text, "bytes" bigint, "files" bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  unlimited CONSTANT bigint := 9007199254740991;
  -- Near the limit, leases get small, so that uploads that can end there do not lock each other out.
  smallest CONSTANT bigint := 262144;
  s quota_ledger;
  t quota_ledger;
  own quota_lease;
  taken quota_lease;
  have bigint;
  have_files bigint;
  space_room bigint;
  tenant_room bigint;
  space_files bigint;
  tenant_files bigint;
  more bigint;
  more_files bigint;
  base bigint;
  spare bigint;
  room bigint;
  granted_files bigint;
  granted bigint;
  others_bytes bigint;
  others_files bigint;
  space_short boolean;
  decision text;
BEGIN
  SELECT * INTO s FROM quota_ledger q WHERE q.id = p_space AND q.kind = 'space' AND q.tenant_id = p_tenant FOR NO KEY UPDATE;
  SELECT * INTO t FROM quota_ledger q WHERE q.id = p_tenant AND q.kind = 'tenant' FOR NO KEY UPDATE;
  IF s.id IS NULL OR t.id IS NULL THEN
    RETURN QUERY SELECT 'missing', 0::bigint, 0::bigint;
    RETURN;
  END IF;
  PERFORM 1 FROM quota_lease l WHERE l.id IN (p_lease, p_takes) ORDER BY l.id FOR UPDATE;
  SELECT * INTO own FROM quota_lease l WHERE l.id = p_lease AND l.tenant_id = p_tenant AND l.space_id = p_space;
  SELECT * INTO taken FROM quota_lease l
    WHERE l.id = p_takes AND l.kind = 'partial' AND l.tenant_id = p_tenant AND l.space_id = p_space AND l.account_id = p_account;
  have := coalesce(own.bytes, 0) + coalesce(taken.bytes, 0);
  have_files := coalesce(own.files, 0) + coalesce(taken.files, 0);
  space_room := coalesce(s.bytes_limit - s.bytes_used - s.bytes_reserved, unlimited);
  tenant_room := coalesce(t.bytes_limit - t.bytes_used - t.bytes_reserved, unlimited);
  space_files := coalesce(s.files_limit - s.files_used - s.files_reserved, unlimited);
  tenant_files := coalesce(t.files_limit - t.files_used - t.files_reserved, unlimited);
  more := GREATEST(p_need, 0) - have;
  more_files := p_files - have_files;

  room := LEAST(space_room, tenant_room);
  -- Below zero, the limit was lowered under what is used and reserved: growth is denied, and what this upload holds
  -- beyond its need counts as given back.
  IF (p_need <= 0 OR more <= room) AND (p_files <= 0 OR more_files <= LEAST(space_files, tenant_files)) THEN
    decision := 'granted';
    granted_files := GREATEST(p_files, 0);
    base := CASE WHEN room < 0 THEN GREATEST(p_need, 0) ELSE GREATEST(have, p_need, 0) END;
    IF p_want <= base OR room < 0 THEN
      granted := GREATEST(LEAST(base, GREATEST(p_want, 0)), p_need, 0);
    ELSE
      spare := GREATEST(room - (base - have), 0);
      granted := base + LEAST(p_want - base, GREATEST(spare / 4, LEAST(spare, smallest)));
    END IF;
  ELSE
    space_short := (p_need > 0 AND more > space_room) OR (p_files > 0 AND more_files > space_files);
    -- What would be free if every other running upload gave its lease back?
    SELECT coalesce(sum(l.bytes), 0), coalesce(sum(l.files), 0) INTO others_bytes, others_files FROM quota_lease l
      WHERE l.tenant_id = p_tenant AND l.space_id = p_space AND l.kind = 'upload' AND l.id <> p_lease;
    IF (p_need > 0 AND more > space_room + others_bytes) OR (p_files > 0 AND more_files > space_files + others_files) THEN
      decision := 'refused';
    ELSE
      SELECT coalesce(sum(l.bytes), 0), coalesce(sum(l.files), 0) INTO others_bytes, others_files FROM quota_lease l
        WHERE l.tenant_id = p_tenant AND l.kind = 'upload' AND l.id <> p_lease;
      IF (p_need > 0 AND more > tenant_room + others_bytes) OR (p_files > 0 AND more_files > tenant_files + others_files) THEN
        decision := 'refused';
      ELSIF EXISTS (
        -- Someone who still runs may end with less than it holds; someone younger who waits is refused before us.
        SELECT 1 FROM quota_lease l
        WHERE l.tenant_id = p_tenant AND (l.space_id = p_space OR NOT space_short) AND l.kind = 'upload' AND l.id <> p_lease
          AND (l.wanted_bytes = 0 OR (l.started_at, l.id) > (p_started, p_lease))
          AND (l.bytes > 0 OR l.files > 0)
      ) THEN
        decision := 'wait';
      ELSE
        decision := 'refused';
      END IF;
    END IF;
    IF decision = 'refused' THEN
      IF own.id IS NOT NULL THEN
        UPDATE quota_lease l SET wanted_bytes = 0 WHERE l.id = p_lease;
      END IF;
      RETURN QUERY SELECT decision, coalesce(own.bytes, 0), coalesce(own.files, 0);
      RETURN;
    END IF;
    -- Who waits keeps what it has; a partial keeps its own lease until its upload may go on.
    granted := coalesce(own.bytes, 0);
    granted_files := coalesce(own.files, 0);
    have := granted;
    have_files := granted_files;
    -- One running upload less: somebody who waited for it may be the one to be refused now.
    IF coalesce(own.wanted_bytes, 0) = 0 THEN PERFORM quota_wake(ARRAY[p_tenant], p_lease); END IF;
  END IF;

  IF decision = 'granted' AND taken.id IS NOT NULL THEN
    DELETE FROM quota_lease l WHERE l.id = taken.id;
  END IF;
  INSERT INTO quota_lease AS l (id, kind, tenant_id, space_id, account_id, worker_id, bytes, files, wanted_bytes, started_at, expires_at)
  VALUES (p_lease, 'upload', p_tenant, p_space, p_account, p_worker, granted, granted_files,
    CASE WHEN decision = 'wait' THEN GREATEST(p_need, 1) ELSE 0 END, p_started, now() + p_ttl_ms * interval '1 millisecond')
  ON CONFLICT (id) DO UPDATE SET kind = 'upload', worker_id = excluded.worker_id, bytes = excluded.bytes, files = excluded.files,
    wanted_bytes = excluded.wanted_bytes, expires_at = excluded.expires_at;
  IF granted <> have OR granted_files <> have_files THEN
    UPDATE quota_ledger q SET bytes_reserved = q.bytes_reserved + granted - have, files_reserved = q.files_reserved + granted_files - have_files
    WHERE q.id IN (p_space, p_tenant);
  END IF;
  IF granted < have THEN PERFORM quota_wake(ARRAY[p_tenant], p_lease); END IF;
  RETURN QUERY SELECT decision, granted, granted_files;
END $$;

DROP FUNCTION "quota_release"(uuid, bigint, bigint);
-- Ends the lease of an upload. `p_kept` bytes stay reserved as the lease of a kept partial, under the id `p_as` where one
-- is given (the partial that this upload meant to continue); returns how many do, which is less than asked only where
-- the lease did not cover them and the quota has no room.
CREATE FUNCTION "quota_release"("p_lease" uuid, "p_kept" bigint, "p_ttl_ms" bigint, "p_as" uuid DEFAULT NULL) RETURNS bigint
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
  WHERE id IN (seen.space_id, seen.tenant_id);
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
    DELETE FROM quota_lease WHERE id = ANY (p_leases) RETURNING tenant_id, space_id, bytes, files
  ), change AS (
    SELECT space_id AS id, bytes, files, 0 AS reserved_bytes, 0 AS reserved_files FROM entry
    UNION ALL SELECT tenant_id, bytes, files, 0, 0 FROM entry
    UNION ALL SELECT space_id, 0, 0, bytes, files FROM lease
    UNION ALL SELECT tenant_id, 0, 0, bytes, files FROM lease
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
    SELECT id FROM quota_lease WHERE kind = 'upload' AND expires_at < now() ORDER BY expires_at LIMIT p_most) s;
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
    DELETE FROM quota_lease WHERE id = ANY (stale) AND kind = 'upload' AND expires_at < now()
    RETURNING id, tenant_id, space_id, bytes, files
  ), total AS (
    SELECT ledger_id, sum(bytes) AS bytes, sum(files) AS files
    FROM (SELECT space_id AS ledger_id, bytes, files FROM lease UNION ALL SELECT tenant_id, bytes, files FROM lease) both_ledgers
    GROUP BY ledger_id
  ), updated AS (
    UPDATE quota_ledger q SET bytes_reserved = q.bytes_reserved - total.bytes, files_reserved = q.files_reserved - total.files
    FROM total WHERE q.id = total.ledger_id
    RETURNING 1
  )
  SELECT lease.id FROM lease;
  PERFORM quota_wake(tenants, NULL);
END $$;
