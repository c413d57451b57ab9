-- What a worker says about itself with each heartbeat: whether it takes sessions, how many it has, its spool.
ALTER TABLE "worker" ADD COLUMN "load" JSONB NOT NULL DEFAULT '{}';
