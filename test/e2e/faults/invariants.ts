import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { Client } from 'pg';
import { eventually, type RunningInstallation } from '../installation.js';
import type { UploadLoad } from './upload-load.js';

/** What a faulted installation was found to hold. */
export interface Findings {
  /** Files that were answered 226. */
  readonly answered: number;
  /** Tries of clients that got no 226. */
  readonly failures: Readonly<Record<string, number>>;
  /** Answered uploads without their event. */
  readonly missing: number;
  /** More `transfer.completed` for a name than tries of it, or one transfer twice. */
  readonly duplicates: number;
  /** Completed transfers of names that nobody sent. */
  readonly invented: number;
  readonly files: number;
}

interface CompletedRow {
  readonly tenant: string;
  readonly path: string;
  readonly transferId: string;
  readonly sha256: string | null;
  readonly bytes: number;
}

/**
 * Waits until everything recorded is applied, then holds files, ledger, log and usage against what clients were told:
 * files on the disk = ledger = Σ events, each answered upload has its event exactly once, and no event is without its
 * transfer.
 */
export async function checkInvariants(
  server: RunningInstallation,
  databaseUrl: string,
  load: UploadLoad,
  withinMs = 60_000,
): Promise<Findings> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await eventually(() => check(server, client, load), withinMs);
    return await find(server, client, load);
  } finally {
    await client.end();
  }
}

async function check(server: RunningInstallation, client: Client, load: UploadLoad): Promise<void> {
  const found = await find(server, client, load);
  expect(found).toMatchObject({ missing: 0, duplicates: 0, invented: 0 });
  const one = async <T>(sql: string): Promise<T> => (await client.query(sql)).rows[0] as T;
  const sums = `sum(bytes)::float8 AS bytes, sum(files)::float8 AS files`;
  const onDisk = server.onDisk();
  expect(
    await one(`SELECT sum(bytes_used)::float8 AS bytes, sum(files_used)::float8 AS files
    FROM quota_ledger WHERE kind = 'space'`),
  ).toEqual(onDisk);
  expect(
    await one(`SELECT sum(bytes_used)::float8 AS bytes, sum(files_used)::float8 AS files
    FROM quota_ledger WHERE kind = 'tenant'`),
  ).toEqual(onDisk);
  expect(await one(`SELECT ${sums} FROM ledger_entry`)).toEqual(onDisk);
  expect(
    await one(`SELECT sum((d ->> 'bytes')::bigint)::float8 AS bytes, sum((d ->> 'files')::bigint)::float8 AS files
    FROM (SELECT data -> 'delta' AS d FROM event WHERE jsonb_typeof(data -> 'delta') = 'object'
          UNION ALL SELECT jsonb_array_elements(data -> 'deltas') FROM event WHERE type = 'file.renamed') e`),
  ).toEqual(onDisk);
  expect(
    await one(`SELECT sum(stored_bytes)::float8 AS bytes, sum(stored_files)::float8 AS files FROM usage_daily`),
  ).toEqual(onDisk);
  // An id is in the log once, and each transfer of the log has its event and the other way round.
  expect(await one(`SELECT count(*)::int - count(DISTINCT id)::int AS more FROM event`)).toEqual({ more: 0 });
  expect(
    await one(`SELECT count(*)::int AS apart FROM
    (SELECT id FROM event WHERE type IN ('transfer.completed', 'transfer.failed')) e
    FULL JOIN transfer_log t ON t.event_id = e.id WHERE t.id IS NULL OR e.id IS NULL`),
  ).toEqual({ apart: 0 });
  expect(await one(`SELECT count(*)::int AS dead FROM dead_event`)).toEqual({ dead: 0 });
  // Nothing is reserved any more for what has ended.
  expect(
    await one(`SELECT count(*)::int AS leases FROM quota_lease WHERE kind = 'upload' AND expires_at > now()
    AND NOT EXISTS (SELECT FROM worker w WHERE w.id = worker_id)`),
  ).toEqual({ leases: 0 });
}

async function find(server: RunningInstallation, client: Client, load: UploadLoad): Promise<Findings> {
  const { rows } = await client.query<CompletedRow>(`
    SELECT t.slug AS tenant, e.data ->> 'path' AS path, e.data ->> 'transferId' AS "transferId",
      e.data ->> 'sha256' AS sha256, (e.data ->> 'fileBytes')::float8 AS bytes
    FROM event e JOIN tenant t ON t.id = e.tenant_id
    WHERE e.type = 'transfer.completed' AND e.data ->> 'direction' = 'upload'`);
  const logged = new Map<string, CompletedRow[]>();
  for (const row of rows) {
    const key = `${row.tenant}${row.path}`;
    logged.set(key, [...(logged.get(key) ?? []), row]);
  }
  let missing = 0;
  let duplicates = rows.length - new Set(rows.map(({ transferId }) => transferId)).size;
  const sent = new Set<string>();
  for (const file of load.files) {
    const key = `${file.tenant}${file.path}`;
    sent.add(key);
    const found = logged.get(key) ?? [];
    const whole = found.some(
      ({ sha256, bytes }) => bytes === file.bytes && (sha256 === null || sha256 === file.sha256),
    );
    if (file.answered && !whole) missing += 1;
    if (found.length > file.attempts) duplicates += 1;
  }
  const invented = rows.filter(({ tenant, path }) => !sent.has(`${tenant}${path}`)).length;
  const failures = Object.fromEntries([...load.failures].map(([code, count]) => [String(code), count]));
  return { answered: load.answered, failures, missing, duplicates, invented, files: server.onDisk().files };
}

/** Every answered file is on the disk as it was sent, found by its content. */
export function checkContents(server: RunningInstallation, load: UploadLoad): void {
  const root = join(server.dataDir, 'storage');
  const stored = new Set<string>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !path.slice(root.length).includes('/files/')) continue;
    stored.add(createHash('sha256').update(readFileSync(path)).digest('hex'));
  }
  const lost = load.files.filter(({ answered, sha256 }) => answered && !stored.has(sha256));
  expect(lost.map(({ path }) => path)).toEqual([]);
}
