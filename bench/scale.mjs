// How cost grows with what there is: sessions, accounts, tenants, entries of a folder, events. See docs/benchmarks.md.
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { fail, setup } from '../scripts/setup.mjs';
import { makeCertificate } from './certificate.mjs';
import { compileClient, LoadClient } from './load-client.mjs';
import { describeMachine, load } from './machine.mjs';
import { removeGroupParents, sleep } from './process-group.mjs';
import { isInside, runInside } from './sandbox.mjs';
import { Quayside } from './servers/quayside.mjs';
import { median } from './summary.mjs';
import { timedLogin } from './timed-login.mjs';

const USAGE = `npm run bench:scale -- [options]

  --curves a,b   only these: sessions, accounts, tenants, entries, events
  --small        a tenth of the greatest steps, to try it out
  --out FILE     where the figures go (bench/results/scale-<time>.json)`;

const CURVES = { sessions, accounts, tenants, entries, events };
const COLD_LOGINS = 60;
const PAGES = 15;
const SMALL_BYTES = 4096;
const SECONDS = 1;
const IDLE_MS = 15_000;

async function main() {
  const { values } = parseArgs({
    options: {
      curves: { type: 'string', default: Object.keys(CURVES).join(',') },
      small: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  if (isInside()) return measure(values);
  await setup();
  const scratch = mkdtempSync('/dev/shm/quayside-scale-');
  // PostgreSQL's user has to get through it.
  chmodSync(scratch, 0o711);
  try {
    process.exitCode = await runInside(scratch, import.meta.filename, process.argv.slice(2));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function measure({ curves, small, out }) {
  const scratch = process.env['QUAYSIDE_BENCH_SCRATCH'];
  const files = join(scratch, 'files');
  mkdirSync(files);
  const tls = await makeCertificate(scratch, 'ecdsa');
  const client = new LoadClient(compileClient(scratch, 'load-client'), { core: 1 });
  // Each account logs in for the first time here: at the default cost that would measure bcrypt and nothing else.
  const server = new Quayside({ core: 0, scratch, files, tls, profile: null, settings: { BCRYPT_COST: '4' } });
  const context = { server, client, small };
  const result = { startedAt: new Date().toISOString(), machine: describeMachine(), curves: [] };
  try {
    await server.start();
    for (const name of curves.split(',')) {
      const curve = CURVES[name];
      if (curve === undefined) throw new Error(`There is no curve ${name}`);
      const figures = await curve(context);
      result.curves.push({ name, ...figures, load: load() });
      show(name, figures);
    }
  } finally {
    await server.stop();
    for (const { group } of [server, client]) group.remove();
    removeGroupParents();
  }
  const file =
    out ?? join(import.meta.dirname, 'results', `scale-${result.startedAt.slice(0, 19).replaceAll(':', '')}Z.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
  console.log(file);
}

/** Sessions that are open and idle, and what others do meanwhile. */
async function sessions({ server, client, small }) {
  const rows = [];
  for (const count of small ? [10, 100, 500] : [10, 100, 1000, 5000]) {
    await server.stop();
    await server.start();
    await run({ server, client }, ['-o', 'control', '-c', 'NOOP', '-d', SECONDS]);
    await run({ server, client }, ['-o', 'login', '-t', 8, '-d', 2 * SECONDS]);
    const memory = server.workerMemory();
    const cpu = server.cpuSeconds();
    const held = client.open([...who(server), '-o', 'idle', '-n', count, '-t', 8]);
    const { seconds } = await held.result;
    const setUpCpu = server.cpuSeconds() - cpu;
    await server.settle();
    const perSession = ((server.workerMemory() - memory) / count).toFixed(1);
    // Collections of the garbage that the set-up left are not what idle sessions cost.
    await sleep(IDLE_MS);
    const idle = await cpuOf(server, () => sleep(IDLE_MS));
    const noop = await run({ server, client }, ['-o', 'control', '-c', 'NOOP', '-d', SECONDS]);
    const login = await run({ server, client }, ['-o', 'login', '-t', 8, '-d', SECONDS]);
    const { alive } = await held.release();
    await held.end();
    if (alive !== count) throw new Error(`${alive} of ${count} sessions answered at the end`);
    rows.push({
      of: count,
      'set up, s': seconds,
      'set up, CPU µs a session': (setUpCpu / count) * 1e6,
      'worker memory, KiB a session': Number(perSession),
      'CPU while all idle, %': (idle / IDLE_MS) * 1e5,
      'NOOP, CPU µs': noop.cpuUs,
      'login, CPU µs': login.cpuUs,
    });
  }
  return { of: 'idle sessions', rows };
}

/** Accounts of one tenant: the first login of each of some, and the API's pages. */
async function accounts(context) {
  const { server } = context;
  const rows = [];
  let present = 0;
  for (const count of context.small ? [100, 1000, 10_000] : [100, 1000, 10_000, 100_000]) {
    await fill(server, CLONE_ACCOUNTS, present, count);
    present = count;
    const name = () => `scale${Math.floor(Math.random() * count)}@bench`;
    rows.push({
      of: count,
      ...(await firstLogins(server, name)),
      'page of 100 accounts, ms': await requests(server, '/tenants/bench/accounts?limit=100'),
      'one account, ms': await requests(server, () => `/tenants/bench/accounts/${name().split('@')[0]}`),
      'database, MB': await databaseMb(server),
    });
  }
  return { of: 'accounts of a tenant', rows };
}

async function tenants(context) {
  const { server } = context;
  const rows = [];
  let present = 0;
  for (const count of context.small ? [10, 100, 1000] : [10, 100, 1000, 10_000]) {
    await fill(server, CLONE_TENANTS, present, count);
    present = count;
    const tenant = () => `tenant${Math.floor(Math.random() * count)}`;
    rows.push({
      of: count,
      ...(await firstLogins(server, () => `bench@${tenant()}`)),
      'page of 100 tenants, ms': await requests(server, '/tenants?limit=100'),
      'one tenant, ms': await requests(server, () => `/tenants/${tenant()}`),
    });
  }
  return { of: 'tenants', rows };
}

/** Entries of one folder. */
async function entries({ server, client, small }) {
  const rows = [];
  const tree = join(server.uploads, '..');
  for (const count of small ? [10, 1000, 10_000] : [10, 100, 1000, 10_000, 100_000]) {
    const folder = `entries${count}`;
    mkdirSync(join(tree, folder));
    for (let n = 0; n < count; n++) closeSync(openSync(join(tree, folder, `file_${n}.txt`), 'w'));
    writeFileSync(join(tree, folder, 'file_0.txt'), Buffer.alloc(SMALL_BYTES));
    const times = Math.max(1, Math.min(50, Math.round(20_000 / count)));
    const row = { of: count };
    for (const verb of ['LIST', 'MLSD']) {
      const listing = ['-o', 'list', '-c', verb, '-f', folder, '-s', count, '-n', times];
      await run({ server, client }, listing);
      const { seconds, ops, cpuUs } = await run({ server, client }, listing);
      row[`${verb}, ms`] = (seconds / ops) * 1e3;
      row[`${verb}, CPU µs an entry`] = cpuUs / count;
    }
    const size = await run({ server, client }, ['-o', 'control', '-c', `SIZE ${folder}/file_0.txt`, '-d', SECONDS]);
    const file = ['-f', `${folder}/file_0.txt`, '-s', SMALL_BYTES, '-d', SECONDS];
    const retr = await run({ server, client }, ['-o', 'small-retr', ...file]);
    row['SIZE, CPU µs'] = size.cpuUs;
    row['RETR of 4 KiB, CPU µs'] = retr.cpuUs;
    rows.push(row);
    rmSync(join(tree, folder), { recursive: true });
  }
  return { of: 'entries of a folder', rows };
}

/** Events: as many as so many clients cause that log in again and again, and how far behind the log is at the end. */
async function events({ server, client }) {
  const rows = [];
  await run({ server, client }, ['-o', 'login', '-t', 8, '-d', 3 * SECONDS]);
  for (const threads of [1, 2, 4, 16]) {
    const before = await eventCount(server);
    const { ops, seconds, cpuUs } = await run({ server, client }, ['-o', 'login', '-t', threads, '-d', 5], {
      settle: false,
    });
    const endedAt = performance.now();
    const wanted = before + 3 * ops;
    while ((await eventCount(server)) < wanted && performance.now() - endedAt < 60_000) await sleep(50);
    const behindMs = performance.now() - endedAt;
    await server.settle();
    const logged = (await eventCount(server)) - before;
    if (logged < 3 * ops) throw new Error(`${logged} of ${3 * ops} events are in the log`);
    rows.push({
      of: Math.round((3 * ops) / seconds),
      clients: threads,
      'CPU µs an event, its login included': cpuUs / 3,
      'log complete after the last login, s': behindMs / 1000,
    });
  }
  return { of: 'events a second', rows };
}

function who(server) {
  const { port, user, password } = server.login();
  return ['-p', port, '-u', user, '-w', password];
}

async function run({ server, client }, args, { settle = true } = {}) {
  let result;
  const cpu = await cpuOf(server, async () => {
    result = await client.run([...who(server), ...args]);
  });
  const later = settle ? await server.settle() : 0;
  return { ...result, cpuUs: ((cpu + later) / result.ops) * 1e6 };
}

/** CPU seconds of all processes while the work runs. */
async function cpuOf(server, work) {
  const before = server.cpuSeconds();
  await work();
  return server.cpuSeconds() - before;
}

/** Logins one after the other, each of an account that nobody has seen since the start of the worker. */
async function firstLogins(server, nameOf) {
  const times = [];
  const cpu = await cpuOf(server, async () => {
    for (let n = 0; n < COLD_LOGINS; n++) times.push(await timedLogin({ ...server.login(), user: nameOf() }));
  });
  return { 'first login, ms': median(times), 'first login, CPU ms': (cpu / COLD_LOGINS) * 1e3 };
}

async function requests(server, path) {
  const times = [];
  for (let n = 0; n < PAGES; n++) {
    const startedAt = performance.now();
    await server.api('GET', typeof path === 'string' ? path : path());
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

/** As the owner of the installation's own database. */
async function database(server, work) {
  const folder = server.dataDir;
  const client = new Client({
    host: '127.0.0.1',
    port: Number(readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n')[3]),
    user: 'quayside',
    database: 'quayside',
    password: readFileSync(join(folder, 'postgres-password'), 'utf8').trim(),
  });
  await client.connect();
  try {
    return await work(async (text, values) => (await client.query(text, values)).rows);
  } finally {
    await client.end();
  }
}

/** What autovacuum and the checkpointer do within minutes is done before anything is measured. */
async function fill(server, statement, from, to) {
  await database(server, async (sql) => {
    await sql(statement, [from, to - 1]);
    await sql('VACUUM ANALYZE');
    await sql('CHECKPOINT');
  });
  await server.settle();
}

async function databaseMb(server) {
  return database(server, async (sql) => {
    const [{ bytes }] = await sql('SELECT pg_database_size(current_database()) AS bytes');
    return Number(bytes) / 1e6;
  });
}

async function eventCount(server) {
  return database(server, async (sql) => Number((await sql('SELECT count(*) AS count FROM event'))[0].count));
}

function cloneOf(table, source, changes) {
  const changed = Object.entries(changes).map(([column, value]) => `'${column}', ${value}`);
  return `INSERT INTO ${table} SELECT (jsonb_populate_record(NULL::${table}, to_jsonb(s) || jsonb_build_object(${changed.join(', ')}))).* FROM ${source}`;
}

/** An id that follows from a number: rows of several tables find each other by it. */
const ID = (kind) => `overlay(overlay(md5('${kind}' || n) placing '7' from 13) placing '8' from 17)::uuid`;
const RANGE = 'generate_series($1::int, $2::int) AS n';
const ACCOUNT = `(SELECT * FROM account WHERE username = 'bench' AND tenant_id = (SELECT id FROM tenant WHERE slug = 'bench'))`;

const CLONE_ACCOUNTS = withClones([
  cloneOf('account', `${ACCOUNT} s, ${RANGE}`, { id: ID('account'), username: `'scale' || n` }),
  cloneOf('credential', `credential s, ${RANGE} WHERE s.account_id = (SELECT id FROM ${ACCOUNT} a)`, {
    id: ID('credential'),
    account_id: ID('account'),
  }),
  cloneOf('mount', `mount s, ${RANGE} WHERE s.account_id = (SELECT id FROM ${ACCOUNT} a)`, {
    id: ID('mount'),
    account_id: ID('account'),
  }),
]);
const CLONE_TENANTS = withClones([
  cloneOf('tenant', `tenant s, ${RANGE} WHERE s.slug = 'bench'`, {
    id: ID('tenant'),
    slug: `'tenant' || n`,
    policy_id: 'NULL::text',
  }),
  cloneOf('account', `${ACCOUNT} s, ${RANGE}`, {
    id: ID('tenant-account'),
    tenant_id: ID('tenant'),
    policy_id: 'NULL::text',
  }),
  cloneOf('credential', `credential s, ${RANGE} WHERE s.account_id = (SELECT id FROM ${ACCOUNT} a)`, {
    id: ID('tenant-credential'),
    tenant_id: ID('tenant'),
    account_id: ID('tenant-account'),
  }),
  cloneOf(
    'quota_ledger',
    `quota_ledger s, ${RANGE} WHERE s.kind = 'space' AND s.id IN (SELECT space_id FROM mount WHERE account_id = (SELECT id FROM ${ACCOUNT} a))`,
    {
      id: ID('tenant-space'),
      tenant_id: ID('tenant'),
    },
  ),
  cloneOf(
    'space',
    `space s, ${RANGE} WHERE s.id IN (SELECT space_id FROM mount WHERE account_id = (SELECT id FROM ${ACCOUNT} a))`,
    {
      id: ID('tenant-space'),
      tenant_id: ID('tenant'),
      root: `'scale-' || n`,
    },
  ),
  cloneOf('mount', `mount s, ${RANGE} WHERE s.account_id = (SELECT id FROM ${ACCOUNT} a)`, {
    id: ID('tenant-mount'),
    tenant_id: ID('tenant'),
    account_id: ID('tenant-account'),
    space_id: ID('tenant-space'),
  }),
]);

/** One statement: parameters are shared and nothing of it is seen before all of it is. */
function withClones(clones) {
  const named = clones.slice(0, -1).map((clone, index) => `c${index} AS (${clone})`);
  return `WITH ${named.join(', ')} ${clones.at(-1)}`;
}

function show(name, { of, rows }) {
  console.log(`\n${name} (${of})`);
  console.table(
    rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([key, value]) => [key, Number(value.toPrecision(3))])),
    ),
  );
}

await main().catch(fail);
