-- A space that is to go with its files is marked; the workers remove the files, then ledger and row.
ALTER TABLE "space" ADD COLUMN "removed_at" TIMESTAMPTZ(3);

CREATE INDEX "space_removed_at_idx" ON "space"("removed_at");
