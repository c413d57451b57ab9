-- CreateTable
CREATE TABLE "dead_event" (
    "id" UUID NOT NULL,
    "part" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "tenant_id" UUID,
    "source" TEXT NOT NULL,
    "fault" TEXT NOT NULL,
    "content" TEXT NOT NULL,
    "found_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "dead_event_pkey" PRIMARY KEY ("id","part")
);

-- CreateIndex
CREATE INDEX "dead_event_found_at_id_idx" ON "dead_event"("found_at", "id");

-- From here on by hand: what a Prisma schema cannot say.

ALTER TABLE "dead_event"
  ADD CONSTRAINT "dead_event_part_check" CHECK ("part" IN ('event', 'ledger')),
  ADD CONSTRAINT "dead_event_source_check" CHECK ("source" IN ('spool', 'queue', 'outbox'));
