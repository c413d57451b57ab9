-- AlterTable
ALTER TABLE "usage_hourly"
  ADD COLUMN "space_id" UUID NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  ADD COLUMN "bytes_up_ftps" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "bytes_down_ftps" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "stored_bytes" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "stored_files" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "stored_byte_ms" DECIMAL(38,0) NOT NULL DEFAULT 0,
  DROP CONSTRAINT "usage_hourly_pkey",
  ADD CONSTRAINT "usage_hourly_pkey" PRIMARY KEY ("tenant_id","account_id","space_id","hour");

-- CreateTable
CREATE TABLE "usage_daily" (
    "tenant_id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "space_id" UUID NOT NULL,
    "day" TIMESTAMPTZ(0) NOT NULL,
    "uploads" BIGINT NOT NULL DEFAULT 0,
    "downloads" BIGINT NOT NULL DEFAULT 0,
    "failures" BIGINT NOT NULL DEFAULT 0,
    "bytes_up" BIGINT NOT NULL DEFAULT 0,
    "bytes_down" BIGINT NOT NULL DEFAULT 0,
    "bytes_up_ftps" BIGINT NOT NULL DEFAULT 0,
    "bytes_down_ftps" BIGINT NOT NULL DEFAULT 0,
    "bytes_up_tls" BIGINT NOT NULL DEFAULT 0,
    "bytes_down_tls" BIGINT NOT NULL DEFAULT 0,
    "deletes" BIGINT NOT NULL DEFAULT 0,
    "logins" BIGINT NOT NULL DEFAULT 0,
    "login_failures" BIGINT NOT NULL DEFAULT 0,
    "stored_bytes" BIGINT NOT NULL DEFAULT 0,
    "stored_files" BIGINT NOT NULL DEFAULT 0,
    "stored_byte_ms" DECIMAL(38,0) NOT NULL DEFAULT 0,

    CONSTRAINT "usage_daily_pkey" PRIMARY KEY ("tenant_id","account_id","space_id","day")
);

-- CreateTable
CREATE TABLE "usage_closing" (
    "id" INTEGER NOT NULL,
    "closed_until" TIMESTAMPTZ(0) NOT NULL,

    CONSTRAINT "usage_closing_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "usage_late" (
    "event_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "counted_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "usage_late_pkey" PRIMARY KEY ("event_id")
);

-- CreateTable
CREATE TABLE "usage_peak" (
    "tenant_id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "month" TIMESTAMPTZ(0) NOT NULL,
    "sessions" INTEGER NOT NULL,

    CONSTRAINT "usage_peak_pkey" PRIMARY KEY ("tenant_id","account_id","month")
);

-- CreateIndex
CREATE INDEX "usage_hourly_tenant_id_hour_idx" ON "usage_hourly"("tenant_id", "hour");

-- CreateIndex
CREATE INDEX "usage_daily_tenant_id_day_idx" ON "usage_daily"("tenant_id", "day");

-- CreateIndex
CREATE INDEX "usage_late_counted_at_idx" ON "usage_late"("counted_at");

-- From here on by hand: what a Prisma schema cannot say.

INSERT INTO "usage_closing" ("id", "closed_until") VALUES (1, '1970-01-01T00:00:00Z');
ALTER TABLE "usage_closing" ADD CONSTRAINT "usage_closing_one_row_check" CHECK ("id" = 1);
ALTER TABLE "usage_hourly" SET (fillfactor = 70);
ALTER TABLE "usage_daily" SET (fillfactor = 50);

-- What was counted before there were days. The bytes stored until now come with `npm run usage:rebuild`.
INSERT INTO "usage_daily" ("tenant_id", "account_id", "space_id", "day", "uploads", "downloads", "failures", "bytes_up", "bytes_down", "bytes_up_tls", "bytes_down_tls", "deletes", "logins", "login_failures")
SELECT "tenant_id", "account_id", "space_id", date_trunc('day', "hour", 'UTC'), sum("uploads"), sum("downloads"), sum("failures"), sum("bytes_up"), sum("bytes_down"), sum("bytes_up_tls"), sum("bytes_down_tls"), sum("deletes"), sum("logins"), sum("login_failures")
FROM "usage_hourly" GROUP BY 1, 2, 3, 4;

-- A space that goes with its files takes what it held out of the usage, by an event like any other change.
CREATE FUNCTION "space_ledger_closed"() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  event_id uuid := gen_random_uuid();
BEGIN
  INSERT INTO outbox (id, event) VALUES (event_id, jsonb_build_object(
    'id', event_id, 'type', 'space.removed', 'v', 1,
    'at', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'tenantId', OLD.tenant_id, 'accountId', NULL, 'sessionId', NULL, 'node', NULL, 'worker', NULL,
    'data', jsonb_build_object('delta', jsonb_build_object('spaceId', OLD.id, 'bytes', - OLD.bytes_used, 'files', - OLD.files_used))));
  RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION "space_ledger_closed"() FROM PUBLIC;
CREATE TRIGGER "quota_ledger_space_closed" AFTER DELETE ON "quota_ledger" FOR EACH ROW
  WHEN (OLD."kind" = 'space' AND (OLD."bytes_used" <> 0 OR OLD."files_used" <> 0)) EXECUTE FUNCTION "space_ledger_closed"();
