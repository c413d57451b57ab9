// How fast the REST API reads a log of millions of rows. Makes a scratch installation, fills its transfer and event log
// over four months, asks through the API, and removes everything. Usage: node bench/log-rows.mjs [rows] [result.json]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { describeMachine } from './machine.mjs';

const MAIN = join(import.meta.dirname, '../dist/apps/standalone/apps/standalone/src/main.js');
const ROWS = Number(process.argv[2] ?? 10_000_000);
/** Of the rows, those that are in the event log as well. */
const EVENT_SHARE = 0.2;
const MONTHS = 4;
const STEP_ROWS = 250_000;
const ROUNDS = 40;
const ACCOUNTS = 200;

const ID = (last) =>
  `(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(noise, 1, 3) || '${last}' || substr(noise, 4, 15))::uuid`;
const ACCOUNT = `coalesce(a.id, ('00000000-0000-7000-9000-' || lpad(to_hex(n % $5::int), 12, '0'))::uuid)`;
const SESSION = `('00000000-0000-7000-8000-' || lpad(to_hex(n / 50), 12, '0'))::uuid`;
const FAILED = `n % 997 = 0`;
const PATH = `'/f' || (n % 20) || '/' || substr(noise, 1, 16) || '.dat'`;
const TRANSFERS = `
  INSERT INTO transfer_log (id, started_at, finished_at, event_id, tenant_id, account_id, account, session_id, direction, path,
    bytes, outcome, reason, sha256, protocol, remote_address, node)
  ${rowsOf(`${ID('8')}, at, at + interval '1 second', ${ID('9')}, t.id, ${ACCOUNT}, coalesce(known, 'a' || n % $5::int), ${SESSION},
    CASE WHEN n % 3 = 0 THEN 'download' ELSE 'upload' END, ${PATH}, n % 1000000,
    CASE WHEN ${FAILED} THEN 'failed' ELSE 'completed' END, CASE WHEN ${FAILED} THEN 'QUOTA_EXCEEDED' END,
    noise || noise, 'ftps', '192.0.2.' || n % 250, 'node-1'`)}`;
const EVENTS = `
  INSERT INTO event (id, at, type, v, tenant_id, account_id, session_id, node, worker, data)
  ${rowsOf(`${ID('9')}, at, CASE WHEN ${FAILED} THEN 'transfer.failed' ELSE 'transfer.completed' END, 1, t.id, ${ACCOUNT}, ${SESSION},
    'node-1', 'worker-1', jsonb_build_object('remoteAddress', '192.0.2.1', 'protocol', 'ftps', 'clientName', NULL,
      'transferId', ${ID('8')}, 'account', coalesce(known, 'a' || n % $5::int), 'direction', 'upload', 'verb', 'STOR',
      'path', ${PATH}, 'bytes', n % 1000000, 'fileBytes', n % 1000000, 'sha256', noise || noise, 'startedAt', at,
      'finishedAt', at, 'dataTls', true, 'delta', NULL)`)}
  WHERE n % $6::int = 0`;

const dataDir = mkdtempSync(join(tmpdir(), 'quayside-log-rows-'));
const ports = { api: await freePort(), ftp: await freePort(), ftps: await freePort() };
let installation = await start();
try {
  const key = readFileSync(join(dataDir, 'admin-key'), 'utf8').trim();
  const call = async (path, init = {}) =>
    fetch(`http://127.0.0.1:${ports.api}/v1${path}`, {
      ...init,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    });
  await furnish(call);
  const made = await fill();
  // Caches of PostgreSQL and of the prepared statements are empty after a start; those of the file system stay.
  await installation.stop();
  installation = await start();
  const result = {
    machine: describeMachine(),
    at: new Date().toISOString(),
    ...made,
    ...(await measure(call)),
    export: { ndjson: await measureExport(call, 'ndjson'), csv: await measureExport(call, 'csv') },
  };
  console.log(JSON.stringify(result, null, 2));
  if (process.argv[3] !== undefined) writeFileSync(process.argv[3], `${JSON.stringify(result, null, 2)}\n`);
} finally {
  await installation.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

async function start() {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DATA_DIR: dataDir,
      API_PORT: String(ports.api),
      FTP_HOST: '127.0.0.1',
      FTP_PORT: String(ports.ftp),
      FTPS_PORT: String(ports.ftps),
      FTP_PASSIVE_PORTS: '20900-20919',
      FTP_WORKERS: '1',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.includes('Quayside is ready')) resolve();
    });
    ended.then(() => reject(new Error(`the installation ended:\n${text}`)), reject);
  });
  return {
    stop: async () => {
      child.kill('SIGINT');
      await ended;
    },
  };
}

async function furnish(call) {
  const post = (path, body) => call(path, { method: 'POST', body: JSON.stringify(body) });
  await post('/tenants', { slug: 'logs', name: 'Logs' });
  for (const username of ['busy', 'quiet', 'usual']) await post('/tenants/logs/accounts', { username });
}

async function databaseClient() {
  const [, , , port] = readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n');
  const password = encodeURIComponent(readFileSync(join(dataDir, 'postgres-password'), 'utf8').trim());
  const client = new Client({ connectionString: `postgresql://quayside:${password}@127.0.0.1:${port}/quayside` });
  // The failed query reports it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** A tenth of the rows are of one busy account, a hundred thousandth of a quiet one, the rest of two hundred others. */
async function fill() {
  const client = await databaseClient();
  const startedAt = performance.now();
  await client.query('SET synchronous_commit = off');
  const { rows: months } = await client.query(
    `SELECT date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => n) AS month FROM generate_series($1 - 1, 1, -1) n`,
    [MONTHS],
  );
  for (const { month } of months) {
    for (const log of ['transfer_log', 'event']) {
      const name = `${log}_${month.toISOString().slice(0, 7).replace('-', '_')}`;
      const next = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1));
      await client.query(
        `CREATE TABLE IF NOT EXISTS partitions.${name} PARTITION OF public.${log} FOR VALUES FROM ('${month.toISOString()}') TO ('${next.toISOString()}')`,
      );
    }
  }
  for (let from = 0; from < ROWS; from += STEP_ROWS) {
    await client.query(TRANSFERS, [from, Math.min(from + STEP_ROWS, ROWS), ROWS, MONTHS, ACCOUNTS]);
    await client.query(EVENTS, [from, Math.min(from + STEP_ROWS, ROWS), ROWS, MONTHS, ACCOUNTS, 1 / EVENT_SHARE]);
    process.stderr.write(`\r${Math.min(from + STEP_ROWS, ROWS)} rows`);
  }
  process.stderr.write('\n');
  await client.query('VACUUM (ANALYZE) transfer_log');
  await client.query('VACUUM (ANALYZE) event');
  const { rows } = await client.query(`
    SELECT (SELECT count(*)::int FROM transfer_log) AS transfers, (SELECT count(*)::int FROM event) AS events,
      (SELECT sum(pg_total_relation_size(c.oid))::float8 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'partitions' AND c.relkind = 'r') AS bytes,
      (SELECT count(*)::int FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'partitions' AND c.relkind = 'r' AND c.relname LIKE 'transfer_log%' AND c.reltuples > 0) AS partitions`);
  await client.end();
  return { ...rows[0], fillSeconds: Math.round((performance.now() - startedAt) / 1000) };
}

async function measure(call) {
  const day = 24 * 3600 * 1000;
  const since = new Date(Date.now() - 40 * day).toISOString();
  const until = new Date(Date.now() - 39 * day).toISOString();
  const questions = {
    'transfers of a busy account': '/tenants/logs/transfers?account=busy&limit=100',
    'transfers of a usual account': '/tenants/logs/transfers?account=usual&limit=100',
    'transfers of an account with few': '/tenants/logs/transfers?account=quiet&limit=100',
    'transfers of the tenant': '/tenants/logs/transfers?limit=100',
    'failed transfers of a busy account': '/tenants/logs/transfers?account=busy&outcome=failed&limit=100',
    'downloads of a usual account': '/tenants/logs/transfers?account=usual&direction=download&limit=100',
    'transfers of one day, 40 days ago': `/tenants/logs/transfers?account=busy&from=${since}&to=${until}&limit=100`,
    'transfers of a folder': '/tenants/logs/transfers?account=busy&path=/f7/*&limit=100',
    'one path that was never sent': '/tenants/logs/transfers?account=usual&path=/none&limit=100',
    'transfers of one session': `/tenants/logs/transfers?session=${sessionOf(ROWS / 2)}&limit=100`,
    'events of a busy account': '/tenants/logs/events?account=busy&limit=100',
    'events of one type': '/tenants/logs/events?type=transfer.failed&limit=100',
  };
  const pages = {};
  for (const [name, path] of Object.entries(questions)) {
    const firstMs = await time(call, path);
    // What takes seconds is not asked forty times.
    if (firstMs > 2_000) {
      pages[name] = { firstMs };
      continue;
    }
    const times = [];
    for (let round = 0; round < ROUNDS; round++) times.push(await time(call, path));
    times.sort((a, b) => a - b);
    pages[name] = { firstMs, medianMs: times[ROUNDS / 2], p95Ms: times[Math.floor(ROUNDS * 0.95)] };
  }
  return { pages, deepPage: await deepPage(call) };
}

async function time(call, path) {
  const startedAt = performance.now();
  const response = await call(path);
  const text = await response.text();
  if (response.status !== 200 && response.status !== 503) throw new Error(`${path}: ${response.status} ${text}`);
  return Math.round((performance.now() - startedAt) * 100) / 100;
}

/** Every page costs the same, also the five hundredth. */
async function deepPage(call) {
  let cursor = '';
  let ms = 0;
  for (let page = 0; page < 500; page++) {
    const startedAt = performance.now();
    const { nextCursor } = await (await call(`/tenants/logs/transfers?account=busy&limit=100${cursor}`)).json();
    ms = performance.now() - startedAt;
    if (nextCursor === null) break;
    cursor = `&cursor=${encodeURIComponent(nextCursor)}`;
  }
  return { page: 500, ms: Math.round(ms * 100) / 100 };
}

/** A million rows as a file, and how much memory the API's process took for it at most. */
async function measureExport(call, format) {
  const api = childOf('api');
  const before = memoryMiB(api);
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, memoryMiB(api))), 100);
  const startedAt = performance.now();
  const response = await call(`/tenants/logs/transfers/export?account=busy&format=${format}`);
  let lines = 0;
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    for (const byte of chunk) if (byte === 10) lines++;
  }
  clearInterval(watch);
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    lines,
    mebibytes: Math.round(bytes / 2 ** 20),
    seconds: Math.round(seconds * 10) / 10,
    apiMiB: { before, peak },
  };
}

function childOf(name) {
  for (const line of readFileSync(join(dataDir, 'logs/quayside.log'), 'utf8').split('\n').toReversed()) {
    const match = new RegExp(`"${name} is ready \\(pid (\\d+)\\)`).exec(line);
    if (match) return match[1];
  }
  throw new Error(`there is no ${name}`);
}

function memoryMiB(pid) {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024);
}

function sessionOf(n) {
  return `00000000-0000-7000-8000-${Math.floor(n / 50)
    .toString(16)
    .padStart(12, '0')}`;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Row `n` of `$3`, spread evenly over the months up to now; ids are in the order of time, as UUID v7 are. */
function rowsOf(columns) {
  return `
    SELECT ${columns} FROM (
      SELECT n, now() - make_interval(months => $4::int) + (n::float8 / $3::float8) * (now() - (now() - make_interval(months => $4::int))) AS at,
        CASE WHEN n % 10 = 0 THEN 'busy' WHEN n % 100003 = 1 THEN 'quiet' WHEN n % 101 = 1 THEN 'usual' END AS known,
        md5(n::text) AS noise
      FROM generate_series($1::bigint, $2::bigint - 1) n
    ) r
    CROSS JOIN (SELECT id FROM tenant WHERE slug = 'logs') t
    LEFT JOIN account a ON a.tenant_id = t.id AND a.username = r.known`;
}
