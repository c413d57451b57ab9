-- CreateTable
CREATE TABLE "policy" (
    "id" UUID NOT NULL,
    "tenant_id" UUID,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "rules" JSONB NOT NULL DEFAULT '{}',
    "is_platform_default" BOOLEAN NOT NULL DEFAULT false,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "policy_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "space" (
    "id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "backend" TEXT NOT NULL DEFAULT 'local',
    "root" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "space_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "mount" (
    "id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "space_id" UUID NOT NULL,
    "path" TEXT NOT NULL,
    "subpath" TEXT NOT NULL DEFAULT '/',
    "permissions" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "mount_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_key" (
    "id" UUID NOT NULL,
    "tenant_id" UUID,
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "key_hash" BYTEA NOT NULL,
    "prefix" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "idempotency_key" (
    "actor_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "request_hash" BYTEA NOT NULL,
    "status" INTEGER,
    "response" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("actor_id","key")
);

-- CreateTable
CREATE TABLE "node" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "draining" BOOLEAN NOT NULL DEFAULT false,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "heartbeat_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "node_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "worker" (
    "id" UUID NOT NULL,
    "node_id" UUID NOT NULL,
    "slot" INTEGER NOT NULL,
    "pid" INTEGER NOT NULL,
    "ports" JSONB NOT NULL DEFAULT '{}',
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "heartbeat_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "worker_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ftp_session" (
    "id" UUID NOT NULL,
    "worker_id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "username" TEXT NOT NULL,
    "remote_address" TEXT NOT NULL,
    "protocol" TEXT NOT NULL,
    "tls_version" TEXT,
    "tls_cipher" TEXT,
    "client_name" TEXT,
    "opened_at" TIMESTAMPTZ(3) NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,
    "activity" JSONB,
    "end_reason" TEXT,

    CONSTRAINT "ftp_session_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "transfer_log" (
    "id" UUID NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3) NOT NULL,
    "event_id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "account" TEXT NOT NULL,
    "session_id" UUID NOT NULL,
    "space_id" UUID,
    "direction" TEXT NOT NULL,
    "path" TEXT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "outcome" TEXT NOT NULL,
    "reason" TEXT,
    "sha256" TEXT,
    "protocol" TEXT NOT NULL,
    "remote_address" TEXT NOT NULL,
    "node" TEXT,

    CONSTRAINT "transfer_log_pkey" PRIMARY KEY ("id","started_at")
) PARTITION BY RANGE ("started_at");

-- CreateTable
CREATE TABLE "event" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "v" INTEGER NOT NULL,
    "tenant_id" UUID,
    "account_id" UUID,
    "session_id" UUID,
    "node" TEXT,
    "worker" TEXT,
    "data" JSONB NOT NULL,

    CONSTRAINT "event_pkey" PRIMARY KEY ("id","at")
) PARTITION BY RANGE ("at");

-- CreateTable
CREATE TABLE "usage_hourly" (
    "tenant_id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "hour" TIMESTAMPTZ(0) NOT NULL,
    "uploads" BIGINT NOT NULL DEFAULT 0,
    "downloads" BIGINT NOT NULL DEFAULT 0,
    "failures" BIGINT NOT NULL DEFAULT 0,
    "bytes_up" BIGINT NOT NULL DEFAULT 0,
    "bytes_down" BIGINT NOT NULL DEFAULT 0,
    "bytes_up_tls" BIGINT NOT NULL DEFAULT 0,
    "bytes_down_tls" BIGINT NOT NULL DEFAULT 0,
    "deletes" BIGINT NOT NULL DEFAULT 0,
    "logins" BIGINT NOT NULL DEFAULT 0,
    "login_failures" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "usage_hourly_pkey" PRIMARY KEY ("tenant_id","account_id","hour")
);

-- CreateTable
CREATE TABLE "audit_entry" (
    "seq" BIGSERIAL NOT NULL,
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "tenant_id" UUID,
    "actor_id" UUID NOT NULL,
    "actor" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "resource" TEXT NOT NULL,
    "resource_id" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,
    "prev_hash" BYTEA NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_entry_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "outbox" (
    "id" UUID NOT NULL,
    "event" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "quota_ledger" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "tenant_id" UUID NOT NULL,
    "bytes_limit" BIGINT,
    "files_limit" BIGINT,
    "bytes_used" BIGINT NOT NULL DEFAULT 0,
    "files_used" BIGINT NOT NULL DEFAULT 0,
    "bytes_reserved" BIGINT NOT NULL DEFAULT 0,
    "files_reserved" BIGINT NOT NULL DEFAULT 0,
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "quota_ledger_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "quota_lease" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "tenant_id" UUID NOT NULL,
    "space_id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "worker_id" UUID,
    "bytes" BIGINT NOT NULL,
    "files" BIGINT NOT NULL,
    "wanted_bytes" BIGINT NOT NULL DEFAULT 0,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "quota_lease_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ledger_entry" (
    "event_id" UUID NOT NULL,
    "space_id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "bytes" BIGINT NOT NULL,
    "files" BIGINT NOT NULL,
    "applied_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ledger_entry_pkey" PRIMARY KEY ("event_id","space_id")
);

-- CreateTable
CREATE TABLE "tenant" (
    "id" UUID NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'active',
    "status_text" TEXT,
    "time_zone" TEXT NOT NULL DEFAULT 'UTC',
    "max_accounts" INTEGER,
    "policy_id" UUID,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tenant_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "tenant_domain" (
    "id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "domain" TEXT NOT NULL,
    "certificate" TEXT,
    "private_key" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tenant_domain_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "account" (
    "id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "username" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'active',
    "status_text" TEXT,
    "policy_id" UUID,
    "expires_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "account_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "credential" (
    "id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "label" TEXT,
    "hash" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "addresses" TEXT[],
    "path_prefix" TEXT,
    "read_only" BOOLEAN NOT NULL DEFAULT false,
    "tls_only" BOOLEAN NOT NULL DEFAULT false,
    "exposed_in_clear" BOOLEAN NOT NULL DEFAULT false,
    "last_used_at" TIMESTAMPTZ(3),
    "last_used_address" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "credential_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "policy_tenant_id_name_key" ON "policy"("tenant_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "space_root_key" ON "space"("root");

-- CreateIndex
CREATE UNIQUE INDEX "space_tenant_id_name_key" ON "space"("tenant_id", "name");

-- CreateIndex
CREATE INDEX "mount_space_id_idx" ON "mount"("space_id");

-- CreateIndex
CREATE INDEX "mount_tenant_id_idx" ON "mount"("tenant_id");

-- CreateIndex
CREATE UNIQUE INDEX "mount_account_id_path_key" ON "mount"("account_id", "path");

-- CreateIndex
CREATE UNIQUE INDEX "api_key_key_hash_key" ON "api_key"("key_hash");

-- CreateIndex
CREATE INDEX "api_key_tenant_id_created_at_id_idx" ON "api_key"("tenant_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "idempotency_key_expires_at_idx" ON "idempotency_key"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "node_name_key" ON "node"("name");

-- CreateIndex
CREATE INDEX "worker_node_id_idx" ON "worker"("node_id");

-- CreateIndex
CREATE INDEX "ftp_session_tenant_id_opened_at_id_idx" ON "ftp_session"("tenant_id", "opened_at", "id");

-- CreateIndex
CREATE INDEX "ftp_session_account_id_idx" ON "ftp_session"("account_id");

-- CreateIndex
CREATE INDEX "ftp_session_worker_id_idx" ON "ftp_session"("worker_id");

-- CreateIndex
CREATE INDEX "transfer_log_tenant_id_started_at_id_idx" ON "transfer_log"("tenant_id", "started_at", "id");

-- CreateIndex
CREATE INDEX "transfer_log_tenant_id_account_id_started_at_id_idx" ON "transfer_log"("tenant_id", "account_id", "started_at", "id");

-- CreateIndex
CREATE INDEX "event_tenant_id_at_id_idx" ON "event"("tenant_id", "at", "id");

-- CreateIndex
CREATE INDEX "event_tenant_id_type_at_id_idx" ON "event"("tenant_id", "type", "at", "id");

-- CreateIndex
CREATE INDEX "event_tenant_id_account_id_at_id_idx" ON "event"("tenant_id", "account_id", "at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "audit_entry_id_key" ON "audit_entry"("id");

-- CreateIndex
CREATE INDEX "audit_entry_tenant_id_seq_idx" ON "audit_entry"("tenant_id", "seq");

-- CreateIndex
CREATE INDEX "outbox_created_at_idx" ON "outbox"("created_at");

-- CreateIndex
CREATE INDEX "quota_ledger_tenant_id_kind_idx" ON "quota_ledger"("tenant_id", "kind");

-- CreateIndex
CREATE INDEX "quota_lease_space_id_started_at_idx" ON "quota_lease"("space_id", "started_at");

-- CreateIndex
CREATE INDEX "quota_lease_expires_at_idx" ON "quota_lease"("expires_at");

-- CreateIndex
CREATE INDEX "quota_lease_worker_id_idx" ON "quota_lease"("worker_id");

-- CreateIndex
CREATE INDEX "ledger_entry_applied_at_idx" ON "ledger_entry"("applied_at");

-- CreateIndex
CREATE UNIQUE INDEX "tenant_slug_key" ON "tenant"("slug");

-- CreateIndex
CREATE UNIQUE INDEX "tenant_domain_domain_key" ON "tenant_domain"("domain");

-- CreateIndex
CREATE INDEX "tenant_domain_tenant_id_idx" ON "tenant_domain"("tenant_id");

-- CreateIndex
CREATE INDEX "account_tenant_id_created_at_id_idx" ON "account"("tenant_id", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "account_tenant_id_username_key" ON "account"("tenant_id", "username");

-- CreateIndex
CREATE INDEX "credential_account_id_idx" ON "credential"("account_id");

-- CreateIndex
CREATE INDEX "credential_tenant_id_idx" ON "credential"("tenant_id");

-- AddForeignKey
ALTER TABLE "policy" ADD CONSTRAINT "policy_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "space" ADD CONSTRAINT "space_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "mount" ADD CONSTRAINT "mount_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "mount" ADD CONSTRAINT "mount_space_id_fkey" FOREIGN KEY ("space_id") REFERENCES "space"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "worker" ADD CONSTRAINT "worker_node_id_fkey" FOREIGN KEY ("node_id") REFERENCES "node"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ftp_session" ADD CONSTRAINT "ftp_session_worker_id_fkey" FOREIGN KEY ("worker_id") REFERENCES "worker"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tenant" ADD CONSTRAINT "tenant_policy_id_fkey" FOREIGN KEY ("policy_id") REFERENCES "policy"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tenant_domain" ADD CONSTRAINT "tenant_domain_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "account" ADD CONSTRAINT "account_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "account" ADD CONSTRAINT "account_policy_id_fkey" FOREIGN KEY ("policy_id") REFERENCES "policy"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credential" ADD CONSTRAINT "credential_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- From here on by hand: what a Prisma schema cannot say.

-- ---------------------------------------------------------------------------------------------------------------
-- Uniqueness that Prisma has no words for.

-- NULLs are distinct in the unique index of (tenant_id, name), so the platform's policies need one of their own.
CREATE UNIQUE INDEX "policy_platform_name_key" ON "policy" (("name")) WHERE "tenant_id" IS NULL;
CREATE UNIQUE INDEX "policy_platform_default_key" ON "policy" (("is_platform_default")) WHERE "is_platform_default";
-- One main password per account; labels are unique within it.
CREATE UNIQUE INDEX "credential_main_key" ON "credential" (("account_id")) WHERE "label" IS NULL;
CREATE UNIQUE INDEX "credential_label_key" ON "credential" ("account_id", (lower("label"))) WHERE "label" IS NOT NULL;

-- ---------------------------------------------------------------------------------------------------------------
-- Checks. 9007199254740991 is 2^53-1: the largest integer that JSON can carry.

ALTER TABLE "tenant"
  ADD CONSTRAINT "tenant_slug_check" CHECK ("slug" ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  ADD CONSTRAINT "tenant_status_check" CHECK ("status" IN ('active', 'read_only', 'download_only', 'suspended')),
  ADD CONSTRAINT "tenant_max_accounts_check" CHECK ("max_accounts" >= 0);
ALTER TABLE "tenant_domain"
  ADD CONSTRAINT "tenant_domain_domain_check" CHECK ("domain" = lower("domain") AND length("domain") BETWEEN 1 AND 253),
  ADD CONSTRAINT "tenant_domain_pair_check" CHECK (("certificate" IS NULL) = ("private_key" IS NULL));
ALTER TABLE "account"
  ADD CONSTRAINT "account_username_check" CHECK ("username" = lower("username") AND length("username") BETWEEN 1 AND 128),
  ADD CONSTRAINT "account_status_check" CHECK ("status" IN ('active', 'read_only', 'download_only', 'suspended'));
ALTER TABLE "policy"
  ADD CONSTRAINT "policy_platform_default_check" CHECK (NOT "is_platform_default" OR "tenant_id" IS NULL),
  ADD CONSTRAINT "policy_rules_check" CHECK (jsonb_typeof("rules") = 'object');
ALTER TABLE "space"
  ADD CONSTRAINT "space_backend_check" CHECK ("backend" IN ('local')),
  -- The backend joins it to the storage root of the node: relative, and no way up.
  ADD CONSTRAINT "space_root_check" CHECK ("root" ~ '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$' AND "root" !~ '(^|/)\.\.?(/|$)');
ALTER TABLE "mount"
  ADD CONSTRAINT "mount_path_check" CHECK ("path" LIKE '/%'),
  ADD CONSTRAINT "mount_subpath_check" CHECK ("subpath" LIKE '/%');
ALTER TABLE "api_key"
  ADD CONSTRAINT "api_key_role_check" CHECK ("role" IN ('platform-admin', 'tenant-admin', 'tenant-viewer')),
  ADD CONSTRAINT "api_key_tenant_check" CHECK (("role" = 'platform-admin') = ("tenant_id" IS NULL)),
  ADD CONSTRAINT "api_key_hash_check" CHECK (octet_length("key_hash") = 32);
ALTER TABLE "quota_ledger"
  ADD CONSTRAINT "quota_ledger_kind_check" CHECK ("kind" IN ('space', 'tenant')),
  ADD CONSTRAINT "quota_ledger_tenant_check" CHECK ("kind" <> 'tenant' OR "id" = "tenant_id"),
  ADD CONSTRAINT "quota_ledger_limit_check" CHECK ("bytes_limit" BETWEEN 0 AND 9007199254740991 AND "files_limit" BETWEEN 0 AND 9007199254740991),
  ADD CONSTRAINT "quota_ledger_reserved_check" CHECK ("bytes_reserved" >= 0 AND "files_reserved" >= 0),
  ADD CONSTRAINT "quota_ledger_used_check" CHECK (abs("bytes_used") <= 9007199254740991 AND abs("files_used") <= 9007199254740991);
ALTER TABLE "quota_lease"
  ADD CONSTRAINT "quota_lease_kind_check" CHECK ("kind" IN ('upload', 'partial')),
  ADD CONSTRAINT "quota_lease_amount_check" CHECK ("bytes" >= 0 AND "files" >= 0 AND "wanted_bytes" >= 0);
ALTER TABLE "ftp_session"
  ADD CONSTRAINT "ftp_session_protocol_check" CHECK ("protocol" IN ('ftp', 'ftps'));
ALTER TABLE "transfer_log"
  ADD CONSTRAINT "transfer_log_direction_check" CHECK ("direction" IN ('upload', 'download')),
  ADD CONSTRAINT "transfer_log_outcome_check" CHECK ("outcome" IN ('completed', 'failed', 'aborted')),
  ADD CONSTRAINT "transfer_log_protocol_check" CHECK ("protocol" IN ('ftp', 'ftps')),
  ADD CONSTRAINT "transfer_log_bytes_check" CHECK ("bytes" BETWEEN 0 AND 9007199254740991);

-- Rows that change all the time leave room in their page, so that an update stays there.
ALTER TABLE "quota_ledger" SET (fillfactor = 50);
ALTER TABLE "quota_lease" SET (fillfactor = 70);
ALTER TABLE "ftp_session" SET (fillfactor = 70);
ALTER TABLE "worker" SET (fillfactor = 50);

-- ---------------------------------------------------------------------------------------------------------------
-- Monthly partitions, in a schema of their own.

CREATE SCHEMA "partitions";
-- An insert never fails for want of a partition: what has none lands here.
CREATE TABLE "partitions"."transfer_log_default" PARTITION OF "public"."transfer_log" DEFAULT;
CREATE TABLE "partitions"."event_default" PARTITION OF "public"."event" DEFAULT;

-- Makes the partitions from last month to `months_ahead` months from now; returns how many it made. SECURITY DEFINER,
-- because the apps' roles may make no tables.
CREATE FUNCTION "ensure_partitions"("months_ahead" integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  made integer := 0;
  parent text;
  part text;
  month timestamp;
BEGIN
  IF months_ahead NOT BETWEEN 0 AND 60 THEN
    RAISE EXCEPTION 'months_ahead must be between 0 and 60';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('quayside.ensure_partitions'));
  FOREACH parent IN ARRAY ARRAY['transfer_log', 'event'] LOOP
    FOR step IN -1 .. months_ahead LOOP
      month := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => step);
      part := format('%s_%s', parent, to_char(month, 'YYYY_MM'));
      CONTINUE WHEN to_regclass(format('partitions.%I', part)) IS NOT NULL;
      BEGIN
        EXECUTE format(
          'CREATE TABLE partitions.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
          part, parent, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
        made := made + 1;
      EXCEPTION WHEN check_violation THEN
        -- The default partition already holds rows of that month; they are served from there.
        RAISE WARNING 'partition % is not made: its rows are in the default partition', part;
      END;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;
REVOKE EXECUTE ON FUNCTION "ensure_partitions"(integer) FROM PUBLIC;
SELECT "ensure_partitions"(3);

-- ---------------------------------------------------------------------------------------------------------------
-- Live changes: one channel; listeners read {table, op, id, tenantId, accountId}. Delivered on commit, once per
-- transaction and payload, whoever changes the row.

CREATE FUNCTION "notify_change"() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  changed jsonb := to_jsonb(CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
BEGIN
  PERFORM pg_notify('quayside_changed', json_build_object(
    'table', TG_TABLE_NAME,
    'op', lower(TG_OP),
    'id', changed ->> 'id',
    'tenantId', CASE WHEN TG_TABLE_NAME = 'tenant' THEN changed ->> 'id' ELSE changed ->> 'tenant_id' END,
    'accountId', CASE WHEN TG_TABLE_NAME = 'account' THEN changed ->> 'id' ELSE changed ->> 'account_id' END
  )::text);
  RETURN NULL;
END $$;

CREATE TRIGGER "tenant_changed" AFTER INSERT OR UPDATE OR DELETE ON "tenant" FOR EACH ROW EXECUTE FUNCTION "notify_change"();
CREATE TRIGGER "account_changed" AFTER INSERT OR UPDATE OR DELETE ON "account" FOR EACH ROW EXECUTE FUNCTION "notify_change"();
CREATE TRIGGER "mount_changed" AFTER INSERT OR UPDATE OR DELETE ON "mount" FOR EACH ROW EXECUTE FUNCTION "notify_change"();
CREATE TRIGGER "policy_changed" AFTER INSERT OR UPDATE OR DELETE ON "policy" FOR EACH ROW EXECUTE FUNCTION "notify_change"();
CREATE TRIGGER "space_changed" AFTER INSERT OR UPDATE OR DELETE ON "space" FOR EACH ROW EXECUTE FUNCTION "notify_change"();
CREATE TRIGGER "tenant_domain_changed" AFTER INSERT OR UPDATE OR DELETE ON "tenant_domain" FOR EACH ROW EXECUTE FUNCTION "notify_change"();
-- Not for what every login, transfer or heartbeat writes.
CREATE TRIGGER "credential_added_or_removed" AFTER INSERT OR DELETE ON "credential" FOR EACH ROW EXECUTE FUNCTION "notify_change"();
CREATE TRIGGER "credential_changed" AFTER UPDATE ON "credential" FOR EACH ROW
  WHEN ((OLD."version", OLD."hash", OLD."expires_at", OLD."addresses", OLD."path_prefix", OLD."read_only", OLD."tls_only")
    IS DISTINCT FROM (NEW."version", NEW."hash", NEW."expires_at", NEW."addresses", NEW."path_prefix", NEW."read_only", NEW."tls_only"))
  EXECUTE FUNCTION "notify_change"();
CREATE TRIGGER "quota_ledger_changed" AFTER UPDATE ON "quota_ledger" FOR EACH ROW
  WHEN ((OLD."bytes_limit", OLD."files_limit") IS DISTINCT FROM (NEW."bytes_limit", NEW."files_limit"))
  EXECUTE FUNCTION "notify_change"();
CREATE TRIGGER "ftp_session_ended" AFTER UPDATE ON "ftp_session" FOR EACH ROW
  WHEN (OLD."end_reason" IS DISTINCT FROM NEW."end_reason") EXECUTE FUNCTION "notify_change"();
CREATE TRIGGER "node_drained" AFTER UPDATE ON "node" FOR EACH ROW
  WHEN (OLD."draining" IS DISTINCT FROM NEW."draining") EXECUTE FUNCTION "notify_change"();

-- Rows of the outbox wake their relay; one notification a statement, without ids.
CREATE TRIGGER "outbox_filled" AFTER INSERT ON "outbox" FOR EACH STATEMENT EXECUTE FUNCTION "notify_change"();

-- The audit log only grows.
CREATE FUNCTION "refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER "audit_entry_append_only" BEFORE UPDATE OR DELETE ON "audit_entry" FOR EACH ROW EXECUTE FUNCTION "refuse_change"();

-- ---------------------------------------------------------------------------------------------------------------
-- The quota ledger. Every function locks in one order: ledgers of spaces by id, ledgers of tenants by id, leases by
-- id. So they never wait for each other in a circle, and the tenant's row, which all its uploads share, is held last.

-- Brings the lease of an upload to at least `p_need` and at most `p_want` bytes (totals, not increments: asking twice
-- changes nothing). Verdicts:
--   granted   the lease now covers `bytes`;
--   wait      other uploads hold what is missing; it may come back, ask again;
--   refused   it cannot fit, or the only way is at the cost of an older upload;
--   missing   there is no such space in the tenant.
-- `p_takes` is the lease of a kept partial that this upload continues.
CREATE FUNCTION "quota_reserve"(
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

  IF (more <= 0 OR more <= LEAST(space_room, tenant_room)) AND (more_files <= 0 OR more_files <= LEAST(space_files, tenant_files)) THEN
    decision := 'granted';
    IF p_want <= have THEN
      granted := GREATEST(p_want, p_need, 0);
    ELSE
      base := GREATEST(have, p_need, 0);
      spare := GREATEST(LEAST(space_room, tenant_room) - (base - have), 0);
      granted := base + LEAST(GREATEST(p_want - base, 0), GREATEST(spare / 4, LEAST(spare, smallest)));
    END IF;
  ELSE
    granted := have;
    space_short := more > space_room OR more_files > space_files;
    -- What would be free if every other running upload gave its lease back?
    SELECT coalesce(sum(l.bytes), 0), coalesce(sum(l.files), 0) INTO others_bytes, others_files FROM quota_lease l
      WHERE l.tenant_id = p_tenant AND l.space_id = p_space AND l.kind = 'upload' AND l.id <> p_lease;
    IF (more > 0 AND more > space_room + others_bytes) OR (more_files > 0 AND more_files > space_files + others_files) THEN
      decision := 'refused';
    ELSE
      SELECT coalesce(sum(l.bytes), 0), coalesce(sum(l.files), 0) INTO others_bytes, others_files FROM quota_lease l
        WHERE l.tenant_id = p_tenant AND l.kind = 'upload' AND l.id <> p_lease;
      IF (more > 0 AND more > tenant_room + others_bytes) OR (more_files > 0 AND more_files > tenant_files + others_files) THEN
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
    p_files := have_files;
  END IF;

  IF taken.id IS NOT NULL THEN
    DELETE FROM quota_lease l WHERE l.id = taken.id;
  END IF;
  INSERT INTO quota_lease AS l (id, kind, tenant_id, space_id, account_id, worker_id, bytes, files, wanted_bytes, started_at, expires_at)
  VALUES (p_lease, 'upload', p_tenant, p_space, p_account, p_worker, granted, p_files,
    CASE WHEN decision = 'wait' THEN GREATEST(p_need, 1) ELSE 0 END, p_started, now() + p_ttl_ms * interval '1 millisecond')
  ON CONFLICT (id) DO UPDATE SET kind = 'upload', worker_id = excluded.worker_id, bytes = excluded.bytes, files = excluded.files,
    wanted_bytes = excluded.wanted_bytes, expires_at = excluded.expires_at;
  IF granted <> have OR p_files <> have_files THEN
    UPDATE quota_ledger q SET bytes_reserved = q.bytes_reserved + granted - have, files_reserved = q.files_reserved + p_files - have_files
    WHERE q.id IN (p_space, p_tenant);
  END IF;
  RETURN QUERY SELECT decision, granted, p_files;
END $$;

-- Ends the lease of an upload. `p_kept` bytes stay reserved, as the lease of a kept partial; returns how many do, which
-- is less than asked only where the lease did not cover them and the quota has no room.
CREATE FUNCTION "quota_release"("p_lease" uuid, "p_kept" bigint, "p_ttl_ms" bigint) RETURNS bigint
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
  SELECT min(coalesce(bytes_limit - bytes_used - bytes_reserved, 9007199254740991)) INTO room
    FROM quota_ledger WHERE id IN (seen.space_id, seen.tenant_id);
  kept := GREATEST(LEAST(p_kept, seen.bytes + GREATEST(coalesce(room, 0), 0)), 0);
  kept_files := CASE WHEN kept > 0 THEN seen.files ELSE 0 END;
  IF kept > 0 THEN
    UPDATE quota_lease SET kind = 'partial', worker_id = NULL, bytes = kept, wanted_bytes = 0,
      expires_at = now() + p_ttl_ms * interval '1 millisecond' WHERE id = p_lease;
  ELSE
    DELETE FROM quota_lease WHERE id = p_lease;
  END IF;
  UPDATE quota_ledger SET bytes_reserved = bytes_reserved + kept - seen.bytes, files_reserved = files_reserved + kept_files - seen.files
  WHERE id IN (seen.space_id, seen.tenant_id);
  RETURN kept;
END $$;

-- Applies changes of the ledgers, each (event, space) once, and ends the leases that covered them in the same step.
-- The arrays run in parallel; a lease may be null. Returns how many entries were new.
CREATE FUNCTION "quota_apply"(
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
  RETURN applied;
END $$;

-- Gives back the leases of uploads that nobody renewed; returns their ids.
CREATE FUNCTION "quota_sweep"("p_most" integer) RETURNS SETOF uuid
LANGUAGE plpgsql AS $$
DECLARE
  stale uuid[];
BEGIN
  SELECT array_agg(id) INTO stale FROM (
    SELECT id FROM quota_lease WHERE kind = 'upload' AND expires_at < now() ORDER BY expires_at LIMIT p_most) s;
  IF stale IS NULL THEN RETURN; END IF;
  PERFORM 1 FROM quota_ledger WHERE kind = 'space'
    AND id IN (SELECT l.space_id FROM quota_lease l WHERE l.id = ANY (stale)) ORDER BY id FOR NO KEY UPDATE;
  PERFORM 1 FROM quota_ledger WHERE kind = 'tenant'
    AND id IN (SELECT l.tenant_id FROM quota_lease l WHERE l.id = ANY (stale)) ORDER BY id FOR NO KEY UPDATE;
  PERFORM 1 FROM quota_lease WHERE id = ANY (stale) ORDER BY id FOR UPDATE;
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
END $$;

-- ---------------------------------------------------------------------------------------------------------------
-- Sessions: count and insert as one step. A cap that is null is not counted and takes no lock. Returns null, or the
-- cap that is full: account, tenant, address (sessions of the tenant from one address).
-- `p_row` is the new row of ftp_session as JSON.
CREATE FUNCTION "session_open"(
  "p_row" jsonb, "p_account_cap" integer, "p_tenant_cap" integer, "p_address_cap" integer, "p_stale_ms" bigint
) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  p_session ftp_session := jsonb_populate_record(NULL::ftp_session, p_row);
  since timestamptz := clock_timestamp() - p_stale_ms * interval '1 millisecond';
BEGIN
  -- Always in this order, one lock per kind, so two logins never wait for each other in a circle.
  IF p_tenant_cap IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtext('quayside.session.tenant'), hashtext(p_session.tenant_id::text));
    IF (SELECT count(*) FROM ftp_session s WHERE s.tenant_id = p_session.tenant_id AND s.seen_at > since) >= p_tenant_cap THEN
      RETURN 'tenant';
    END IF;
  END IF;
  IF p_account_cap IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtext('quayside.session.account'), hashtext(p_session.account_id::text));
    IF (SELECT count(*) FROM ftp_session s WHERE s.account_id = p_session.account_id AND s.seen_at > since) >= p_account_cap THEN
      RETURN 'account';
    END IF;
  END IF;
  IF p_address_cap IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtext('quayside.session.address'), hashtext(p_session.tenant_id::text || p_session.remote_address));
    IF (SELECT count(*) FROM ftp_session s WHERE s.tenant_id = p_session.tenant_id
        AND s.remote_address = p_session.remote_address AND s.seen_at > since) >= p_address_cap THEN
      RETURN 'address';
    END IF;
  END IF;
  INSERT INTO ftp_session SELECT (p_session).*;
  RETURN NULL;
END $$;
