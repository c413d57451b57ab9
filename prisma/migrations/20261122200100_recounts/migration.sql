-- Recounts that are asked for over the API: what is to be counted, and what came out.

CREATE TABLE "recount" (
  "id" UUID NOT NULL,
  "tenant_id" UUID NOT NULL,
  "space_id" UUID,
  "repair" BOOLEAN NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "finished_at" TIMESTAMPTZ(3),
  CONSTRAINT "recount_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "recount_space" (
  "recount_id" UUID NOT NULL,
  "space_id" UUID NOT NULL,
  "name" TEXT NOT NULL,
  "verdict" TEXT NOT NULL DEFAULT 'waiting',
  "worker_id" UUID,
  "ledger_bytes" BIGINT,
  "ledger_files" BIGINT,
  "stored_bytes" BIGINT,
  "stored_files" BIGINT,
  "counted_at" TIMESTAMPTZ(3),
  CONSTRAINT "recount_space_pkey" PRIMARY KEY ("recount_id", "space_id")
);
CREATE INDEX "recount_tenant_id_created_at_idx" ON "recount"("tenant_id", "created_at");
CREATE INDEX "recount_created_at_idx" ON "recount"("created_at");
CREATE INDEX "recount_space_verdict_idx" ON "recount_space"("verdict");
ALTER TABLE "recount_space" ADD CONSTRAINT "recount_space_recount_id_fkey"
  FOREIGN KEY ("recount_id") REFERENCES "recount"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "recount_space" ADD CONSTRAINT "recount_space_verdict_check"
  CHECK ("verdict" IN ('waiting', 'counting', 'equal', 'drift', 'repaired', 'busy', 'failed'));

-- The workers hear of it.
CREATE TRIGGER "recount_asked" AFTER INSERT ON "recount" FOR EACH ROW EXECUTE FUNCTION "notify_change"();
