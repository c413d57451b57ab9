-- CreateTable
CREATE TABLE "event_watch" (
    "tenant_id" UUID NOT NULL,
    "watched_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "event_watch_pkey" PRIMARY KEY ("tenant_id")
);

-- AddForeignKey
ALTER TABLE "event_watch" ADD CONSTRAINT "event_watch_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenant"("id") ON DELETE CASCADE ON UPDATE CASCADE;
