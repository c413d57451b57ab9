-- CreateTable
CREATE TABLE "login_score" (
    "key" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "login" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "score" DOUBLE PRECISION NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "bans" INTEGER NOT NULL DEFAULT 0,
    "banned_at" TIMESTAMPTZ(3),
    "banned_until" TIMESTAMPTZ(3),
    "reason" TEXT,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "login_score_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "login_known_good" (
    "login" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "login_known_good_pkey" PRIMARY KEY ("login","source")
);

-- CreateTable
CREATE TABLE "login_rate" (
    "account_id" UUID NOT NULL,
    "tokens" DOUBLE PRECISION NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "login_rate_pkey" PRIMARY KEY ("account_id")
);

-- AlterTable
ALTER TABLE "account" ADD COLUMN "decoy" BOOLEAN NOT NULL DEFAULT false;

-- CreateIndex
CREATE INDEX "login_score_banned_until_idx" ON "login_score"("banned_until");

-- CreateIndex
CREATE INDEX "login_score_expires_at_idx" ON "login_score"("expires_at");

-- CreateIndex
CREATE INDEX "login_known_good_at_idx" ON "login_known_good"("at");

-- From here on by hand: what a Prisma schema cannot say.

ALTER TABLE "login_score"
  ADD CONSTRAINT "login_score_kind_check" CHECK ("kind" IN ('pair', 'source')),
  ADD CONSTRAINT "login_score_ban_check" CHECK (("banned_at" IS NULL) = ("banned_until" IS NULL));

-- Bans and unbans reach the workers; scores without one do not, because every failed login writes them.
CREATE FUNCTION "notify_ban"() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_notify('quayside_changed', json_build_object(
    'table', 'login_score', 'op', lower(TG_OP), 'id', NULL, 'tenantId', NULL, 'accountId', NULL)::text);
  RETURN NULL;
END $$;
CREATE TRIGGER "login_score_banned" AFTER INSERT ON "login_score" FOR EACH ROW
  WHEN (NEW."banned_until" IS NOT NULL) EXECUTE FUNCTION "notify_ban"();
CREATE TRIGGER "login_score_ban_changed" AFTER UPDATE ON "login_score" FOR EACH ROW
  WHEN (OLD."banned_until" IS DISTINCT FROM NEW."banned_until") EXECUTE FUNCTION "notify_ban"();
CREATE TRIGGER "login_score_unbanned" AFTER DELETE ON "login_score" FOR EACH ROW
  WHEN (OLD."banned_until" > now()) EXECUTE FUNCTION "notify_ban"();

-- Takes one login of an account that may log in `p_cap` times a minute; false where none is left. Exact over all nodes.
CREATE FUNCTION "login_take"("p_account" uuid, "p_cap" integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  left_over double precision;
BEGIN
  IF p_cap <= 0 THEN RETURN false; END IF;
  INSERT INTO login_rate (account_id, tokens, at) VALUES (p_account, p_cap, clock_timestamp()) ON CONFLICT DO NOTHING;
  UPDATE login_rate SET
    tokens = LEAST(p_cap, tokens + p_cap * GREATEST(0, extract(epoch FROM clock_timestamp() - at)) / 60) - 1,
    at = clock_timestamp()
  WHERE account_id = p_account
    AND LEAST(p_cap, tokens + p_cap * GREATEST(0, extract(epoch FROM clock_timestamp() - at)) / 60) >= 1
  RETURNING tokens INTO left_over;
  RETURN left_over IS NOT NULL;
END $$;

-- Bytes that an account has moved in the present calendar month of its tenant's time zone: from the same counters as the
-- reports, plus what other workers are moving now. `missing` are those of `p_pending` (transfers of the asker) that are
-- not in the log yet, so that nothing counts twice and nothing is left out. The month may begin in the middle of an hour
-- of the counters; that part is read from the log. SECURITY DEFINER: a worker may not read the log, only this sum.
CREATE FUNCTION "traffic_used"("p_account" uuid, "p_worker" uuid, "p_pending" uuid[])
RETURNS TABLE ("month_ends" timestamptz, "up" bigint, "down" bigint, "missing" uuid[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  tenant uuid;
  zone text;
  from_at timestamptz;
  first_hour timestamptz;
  to_at timestamptz;
  counted_up bigint;
  counted_down bigint;
  early_up bigint;
  early_down bigint;
  running_up bigint;
  running_down bigint;
BEGIN
  SELECT t.id, t.time_zone INTO tenant, zone FROM account a JOIN tenant t ON t.id = a.tenant_id WHERE a.id = p_account;
  from_at := date_trunc('month', now() AT TIME ZONE zone) AT TIME ZONE zone;
  to_at := (date_trunc('month', now() AT TIME ZONE zone) + interval '1 month') AT TIME ZONE zone;
  first_hour := date_trunc('hour', from_at + interval '1 hour' - interval '1 microsecond', 'UTC');
  SELECT coalesce(sum(u.bytes_up), 0), coalesce(sum(u.bytes_down), 0) INTO counted_up, counted_down FROM usage_hourly u
    WHERE u.tenant_id = tenant AND u.account_id = p_account AND u.hour >= first_hour;
  SELECT coalesce(sum(l.bytes) FILTER (WHERE l.direction = 'upload'), 0), coalesce(sum(l.bytes) FILTER (WHERE l.direction = 'download'), 0)
    INTO early_up, early_down FROM transfer_log l
    WHERE first_hour > from_at AND l.tenant_id = tenant AND l.account_id = p_account
      AND l.started_at >= from_at - interval '7 days' AND l.started_at < first_hour
      AND l.finished_at >= from_at AND l.finished_at < first_hour;
  SELECT coalesce(sum((s.activity ->> 'bytes')::bigint) FILTER (WHERE s.activity ->> 'verb' <> 'RETR'), 0),
         coalesce(sum((s.activity ->> 'bytes')::bigint) FILTER (WHERE s.activity ->> 'verb' = 'RETR'), 0)
    INTO running_up, running_down FROM ftp_session s
    WHERE s.account_id = p_account AND s.worker_id <> p_worker AND s.activity IS NOT NULL AND s.seen_at > now() - interval '1 minute';
  RETURN QUERY SELECT to_at, counted_up + early_up + running_up, counted_down + early_down + running_down,
    coalesce((SELECT array_agg(p.id) FROM unnest(p_pending) AS p (id)
      WHERE NOT EXISTS (SELECT 1 FROM transfer_log l WHERE l.id = p.id AND l.started_at >= now() - interval '40 days')), '{}');
END $$;
REVOKE EXECUTE ON FUNCTION "traffic_used"(uuid, uuid, uuid[]) FROM PUBLIC;
