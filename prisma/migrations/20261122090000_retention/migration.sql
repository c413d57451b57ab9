-- Drops the months of a log that lie before `keep_days` days ago as a whole, and what is as old in the default partition
-- in bounded steps; returns how many partitions and rows went. SECURITY DEFINER, because the apps' roles may drop no
-- tables. It waits two seconds for its lock, so that it never holds up those who write; the next turn tries again.
CREATE FUNCTION "drop_partitions"("log" text, "keep_days" integer) RETURNS TABLE ("dropped" integer, "deleted" integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  bound timestamptz := now() - keep_days * interval '1 day';
  part text;
  moment text;
BEGIN
  IF log NOT IN ('transfer_log', 'event') THEN
    RAISE EXCEPTION 'there is no log %', log;
  END IF;
  IF keep_days NOT BETWEEN 1 AND 36500 THEN
    RAISE EXCEPTION 'keep_days must be between 1 and 36500';
  END IF;
  dropped := 0;
  FOR part IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE i.inhparent = format('public.%I', log)::regclass AND n.nspname = 'partitions' AND c.relname ~ ('^' || log || '_\d{4}_\d{2}$')
    ORDER BY c.relname
  LOOP
    CONTINUE WHEN (to_date(right(part, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' > bound;
    EXECUTE format('DROP TABLE partitions.%I', part);
    dropped := dropped + 1;
  END LOOP;
  moment := CASE log WHEN 'event' THEN 'at' ELSE 'started_at' END;
  EXECUTE format('DELETE FROM partitions.%1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM partitions.%1$I WHERE %2$I < $1 LIMIT 5000))',
    log || '_default', moment) USING bound;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN NEXT;
END $$;
REVOKE EXECUTE ON FUNCTION "drop_partitions"(text, integer) FROM PUBLIC;
