-- What happened in one session is asked for by support; without these, each such question read the whole log.

-- CreateIndex
CREATE INDEX "transfer_log_session_id_idx" ON "transfer_log"("session_id");

-- CreateIndex
CREATE INDEX "event_session_id_idx" ON "event"("session_id");
