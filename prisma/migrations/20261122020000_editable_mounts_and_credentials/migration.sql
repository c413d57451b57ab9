-- Mounts and extra passwords are edited under If-Match. A credential's `version` counts its secrets (sessions that it
-- opened end when it changes), so that edits of label and restrictions have a counter of their own.
ALTER TABLE "mount"
  ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;

ALTER TABLE "credential" ADD COLUMN "revision" INTEGER NOT NULL DEFAULT 1;
