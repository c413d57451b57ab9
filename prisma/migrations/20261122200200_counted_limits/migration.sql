-- What caps on sessions are counted against, and what is left of a cap on logins, said once: logins and whoever explains
-- them ask the same functions.

CREATE FUNCTION "session_counts"("p_tenant" uuid, "p_account" uuid, "p_address" text, "p_stale_ms" bigint)
RETURNS TABLE ("tenant" bigint, "account" bigint, "address" bigint)
LANGUAGE sql VOLATILE AS $$
  SELECT count(*), count(*) FILTER (WHERE s.account_id = p_account), count(*) FILTER (WHERE s.remote_address = p_address)
  FROM ftp_session s
  WHERE s.tenant_id = p_tenant AND s.seen_at > clock_timestamp() - p_stale_ms * interval '1 millisecond'
$$;

CREATE OR REPLACE FUNCTION "session_open"(
  "p_row" jsonb, "p_account_cap" integer, "p_tenant_cap" integer, "p_address_cap" integer, "p_stale_ms" bigint
) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  p_session ftp_session := jsonb_populate_record(NULL::ftp_session, p_row);
  counted record;
BEGIN
  -- Always in this order, one lock per kind, so two logins never wait for each other in a circle.
  IF p_tenant_cap IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtext('quayside.session.tenant'), hashtext(p_session.tenant_id::text));
  END IF;
  IF p_account_cap IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtext('quayside.session.account'), hashtext(p_session.account_id::text));
  END IF;
  IF p_address_cap IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtext('quayside.session.address'), hashtext(p_session.tenant_id::text || p_session.remote_address));
  END IF;
  SELECT * INTO counted
    FROM session_counts(p_session.tenant_id, p_session.account_id, p_session.remote_address, p_stale_ms);
  IF counted.tenant >= p_tenant_cap THEN RETURN 'tenant'; END IF;
  IF counted.account >= p_account_cap THEN RETURN 'account'; END IF;
  IF counted.address >= p_address_cap THEN RETURN 'address'; END IF;
  INSERT INTO ftp_session SELECT (p_session).*;
  RETURN NULL;
END $$;

-- Logins that an account with this cap has left at this moment; whole ones can be taken.
CREATE FUNCTION "login_left"("p_account" uuid, "p_cap" integer) RETURNS double precision
LANGUAGE sql VOLATILE AS $$
  SELECT CASE WHEN p_cap <= 0 THEN 0 ELSE coalesce(
    (SELECT LEAST(p_cap, tokens + p_cap * GREATEST(0, extract(epoch FROM clock_timestamp() - at)) / 60)
     FROM login_rate WHERE account_id = p_account), p_cap) END
$$;

CREATE OR REPLACE FUNCTION "login_take"("p_account" uuid, "p_cap" integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  left_over double precision;
BEGIN
  IF p_cap <= 0 THEN RETURN false; END IF;
  INSERT INTO login_rate (account_id, tokens, at) VALUES (p_account, p_cap, clock_timestamp()) ON CONFLICT DO NOTHING;
  PERFORM 1 FROM login_rate WHERE account_id = p_account FOR UPDATE;
  left_over := login_left(p_account, p_cap);
  IF left_over < 1 THEN RETURN false; END IF;
  UPDATE login_rate SET tokens = left_over - 1, at = clock_timestamp() WHERE account_id = p_account;
  RETURN true;
END $$;
