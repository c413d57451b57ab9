-- A question for quota that the database answers only after its asker has given it up no longer turns the lease of the
-- partial that the upload left into the lease of an upload, which nobody would renew. Whoever means the partial of the
-- lease's own id says so: `p_takes` = `p_lease`.

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
  -- The upload is over and its bytes are kept: this question was given up by its asker and comes late.
  IF own.kind = 'partial' AND p_takes IS DISTINCT FROM p_lease THEN
    RETURN QUERY SELECT 'refused', 0::bigint, 0::bigint;
    RETURN;
  END IF;
  SELECT * INTO taken FROM quota_lease l
    WHERE l.id = p_takes AND l.id <> p_lease AND l.kind = 'partial' AND l.tenant_id = p_tenant AND l.space_id = p_space AND l.account_id = p_account;
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
