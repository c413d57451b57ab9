-- The least-privilege role of each app. Run at the end of every migration step; running it again changes nothing.
-- Roles belong to the whole cluster, so they may exist already; where this database user may not create or use them
-- (some managed PostgreSQL), a warning says so and the apps go on with the rights of the database user.
DO $roles$
DECLARE
  app text;
BEGIN
  FOREACH app IN ARRAY ARRAY['quayside_api', 'quayside_worker', 'quayside_consumer'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = app) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', app);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- another database of the cluster was migrated at the same moment
    WHEN insufficient_privilege THEN
      RAISE WARNING 'the role % cannot be created: ask the database administrator for CREATE ROLE % NOLOGIN; GRANT % TO %',
        app, app, app, current_user;
      CONTINUE;
    END;
    BEGIN
      IF NOT pg_has_role(current_user, app, 'MEMBER') OR NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT %I TO %I', app, current_user);
      END IF;
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE WARNING 'the role % cannot be used: ask the database administrator for GRANT % TO %', app, app, current_user;
    END;
    -- Start from nothing, so that a right that is taken out of this file is gone from the database too.
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', app);
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', app);
    EXECUTE format('GRANT SELECT ON _prisma_migrations TO %I', app);
  END LOOP;

  -- The API changes what admins may change. The logs it only reads, the audit log it only extends.
  IF to_regrole('quayside_api') IS NOT NULL THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON tenant, tenant_domain, account, credential, policy, space, mount, api_key,
      idempotency_key, quota_ledger, quota_lease, ledger_entry, node, worker, ftp_session, outbox TO quayside_api;
    GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_endpoint, webhook_lane, webhook_delivery TO quayside_api;
    GRANT SELECT ON webhook_attempt TO quayside_api;
    GRANT SELECT, INSERT, UPDATE, DELETE ON event_watch TO quayside_api;
    GRANT USAGE ON SEQUENCE webhook_delivery_seq_seq TO quayside_api;
    GRANT SELECT ON transfer_log, event, usage_hourly, usage_daily, usage_closing, usage_late, usage_peak TO quayside_api;
    GRANT SELECT, INSERT ON audit_entry TO quayside_api;
    GRANT SELECT, INSERT, UPDATE, DELETE ON login_score TO quayside_api;
    -- To explain what a login or a transfer would meet.
    GRANT SELECT ON login_known_good, login_rate TO quayside_api;
    GRANT EXECUTE ON FUNCTION traffic_used(uuid, uuid, uuid[]) TO quayside_api;
    GRANT USAGE ON SEQUENCE audit_entry_seq_seq TO quayside_api;
    GRANT SELECT, DELETE ON dead_event TO quayside_api;
    GRANT SELECT, INSERT ON recount, recount_space TO quayside_api;
  END IF;

  -- A worker faces the network: it reads what logins need and writes sessions, nodes and the ledger. It never sees API
  -- keys, stored responses, the audit log or the logs; of the events it may ask which ids have been applied.
  IF to_regrole('quayside_worker') IS NOT NULL THEN
    GRANT SELECT ON tenant, tenant_domain, account, credential, policy, space, mount, usage_hourly TO quayside_worker;
    GRANT UPDATE (hash, version, exposed_in_clear, last_used_at, last_used_address) ON credential TO quayside_worker;
    GRANT SELECT ON quota_ledger TO quayside_worker;
    GRANT UPDATE (bytes_used, files_used, bytes_reserved, files_reserved) ON quota_ledger TO quayside_worker;
    GRANT SELECT, INSERT, UPDATE, DELETE ON quota_lease, node, worker, ftp_session TO quayside_worker;
    GRANT SELECT, INSERT ON ledger_entry TO quayside_worker;
    GRANT SELECT (id, at) ON event TO quayside_worker;
    GRANT SELECT (id, part) ON dead_event TO quayside_worker;
    GRANT INSERT ON dead_event TO quayside_worker;
    GRANT SELECT, INSERT, UPDATE, DELETE ON login_score, login_known_good TO quayside_worker;
    GRANT SELECT, INSERT, UPDATE ON login_rate TO quayside_worker;
    GRANT EXECUTE ON FUNCTION traffic_used(uuid, uuid, uuid[]) TO quayside_worker;
    -- What the API asked to be counted; an event of the outcome goes the way of the API's own.
    GRANT SELECT, UPDATE ON recount, recount_space TO quayside_worker;
    GRANT INSERT ON outbox TO quayside_worker;
    -- Spaces marked for removal: the worker removes the files, then what the database knows of them.
    GRANT DELETE ON space, quota_ledger TO quayside_worker;
  END IF;

  -- The consumer writes the logs and keeps house. It sees no credential.
  IF to_regrole('quayside_consumer') IS NOT NULL THEN
    GRANT SELECT ON tenant, account, space, mount TO quayside_consumer;
    GRANT SELECT, INSERT ON event, transfer_log TO quayside_consumer;
    GRANT SELECT, INSERT, UPDATE, DELETE ON usage_hourly, usage_daily TO quayside_consumer;
    GRANT SELECT, INSERT ON usage_late, usage_peak TO quayside_consumer;
    GRANT SELECT, UPDATE ON usage_closing TO quayside_consumer;
    GRANT SELECT, UPDATE, DELETE ON outbox, node, worker, ftp_session TO quayside_consumer;
    GRANT SELECT, INSERT, DELETE ON dead_event TO quayside_consumer;
    GRANT SELECT, DELETE ON recount TO quayside_consumer;
    GRANT SELECT, INSERT, DELETE ON ledger_entry TO quayside_consumer;
    GRANT SELECT, INSERT, UPDATE, DELETE ON quota_lease TO quayside_consumer;
    GRANT SELECT ON quota_ledger TO quayside_consumer;
    GRANT UPDATE (bytes_used, files_used, bytes_reserved, files_reserved) ON quota_ledger TO quayside_consumer;
    GRANT EXECUTE ON FUNCTION ensure_partitions(integer), drop_partitions(text, integer) TO quayside_consumer;
    GRANT SELECT ON event_watch TO quayside_consumer;
    -- Webhooks: it fans out, signs and delivers; it switches an endpoint off, and changes nothing else of it.
    GRANT SELECT ON webhook_endpoint TO quayside_consumer;
    GRANT UPDATE (enabled, disabled_reason, version, updated_at) ON webhook_endpoint TO quayside_consumer;
    GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_lane, webhook_delivery, webhook_attempt TO quayside_consumer;
    GRANT USAGE ON SEQUENCE webhook_delivery_seq_seq, webhook_attempt_id_seq TO quayside_consumer;
  END IF;

  -- BullMQ on PostgreSQL: workers add jobs, the consumer processes them. Its functions run with the caller's rights.
  IF to_regnamespace('bullmq') IS NOT NULL THEN
    FOREACH app IN ARRAY ARRAY['quayside_worker', 'quayside_consumer'] LOOP
      CONTINUE WHEN to_regrole(app) IS NULL;
      EXECUTE format('GRANT USAGE ON SCHEMA bullmq TO %I', app);
      EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bullmq TO %I', app);
      EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA bullmq TO %I', app);
      EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bullmq TO %I', app);
    END LOOP;
  END IF;
END $roles$;
