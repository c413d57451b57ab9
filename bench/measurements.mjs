import { measureColdLogins } from './cold-logins.mjs';
import { emptyUploads } from './data-set.mjs';
import { busySeconds, load } from './machine.mjs';
import { sleep } from './process-group.mjs';

/** By then a new worker has rehearsed, the garbage of the start is collected and connections that rest are closed. */
const REST_SETTLE_MS = 60_000;
const REST_MS = 20_000;
const SAMPLE_MS = 50;
const HOLD_MS = 1000;
const MB = 1e6;

/** One run of one row on one server; a result for the JSON. Throws where the server failed. */
export const MEASUREMENTS = {
  load: measureLoad,
  growth: measureGrowth,
  idle: measureIdle,
  rest: measureRest,
  secondStart,
  coldLogins: measureColdLogins,
};

/** Unmeasured runs before the rounds: servers run for months, and just-in-time compilers and caches need a while. */
export async function warmUp(row, server, { client, times }) {
  if (row.measure !== 'load') return;
  for (let n = 0; n < times; n++) {
    await client.run([...loginArguments(server, row, row.client.includes('-T')), ...row.client, '-g', `w${n}`]);
  }
  await server.settle?.();
  checkUploads(row, server);
}

async function measureLoad(row, server, { client, round }) {
  const tls = row.client.includes('-T');
  const before = {
    cpu: server.cpuSeconds(),
    client: client.group.cpuSeconds(),
    busy: busySeconds(),
    at: performance.now(),
  };
  const result = await client.run([...loginArguments(server, row, tls), ...row.client, '-g', `r${round}`]);
  const wall = (performance.now() - before.at) / 1000;
  const cpuSeconds = server.cpuSeconds() - before.cpu;
  const own = cpuSeconds + client.group.cpuSeconds() - before.client;
  const foreign = Math.max(0, busySeconds() - before.busy - own) / wall;
  // What the work left behind for later counts too: events that still drain.
  const cpuAfter = (await server.settle?.()) ?? 0;
  const memory = server.memory();
  checkUploads(row, server);
  return {
    ...result,
    cpuSeconds,
    cpuAfterSeconds: cpuAfter,
    foreignCores: Number(foreign.toFixed(2)),
    load: load(),
    memoryMb: (memory.kib * 1024) / MB,
    processes: memory.processes.length,
  };
}

/** Memory of the worker while one transfer runs, above what it was before. */
async function measureGrowth(row, server, context) {
  const before = server.workerMemory();
  let most = before;
  const sampler = setInterval(() => (most = Math.max(most, server.workerMemory() ?? 0)), SAMPLE_MS);
  try {
    const result = await measureLoad(row, server, context);
    return { ...result, workerBeforeMb: (before * 1024) / MB, growthMb: ((most - before) * 1024) / MB };
  } finally {
    clearInterval(sampler);
  }
}

/** Sessions that are logged in and do nothing. The server is started anew: what earlier rows left would hide it. */
async function measureIdle(row, server, { client }) {
  const tls = row.client.includes('-T');
  await server.stop();
  await server.start();
  await sleep(HOLD_MS);
  const before = server.memory();
  const workerBefore = server.workerMemory?.() ?? null;
  const cpuBefore = server.cpuSeconds();
  const run = client.open([...loginArguments(server, row, tls), ...row.client]);
  const result = await run.result;
  const cpuSeconds = server.cpuSeconds() - cpuBefore;
  await sleep(HOLD_MS);
  const during = server.memory();
  const worker = server.workerMemory?.() ?? null;
  const { alive } = await run.release();
  await run.end();
  if (alive !== row.sessions) throw new Error(`${alive} of ${row.sessions} sessions answered at the end`);
  // The worker is what sessions live in; a peer's sessions are its processes.
  const grownKib = worker === null ? during.kib - before.kib : worker - workerBefore;
  return {
    ...result,
    cpuSeconds,
    load: load(),
    memoryMb: (during.kib * 1024) / MB,
    workerMb: worker === null ? null : (worker * 1024) / MB,
    perSessionKib: grownKib / row.sessions,
    wholePerSessionKib: (during.kib - before.kib) / row.sessions,
    processes: during.processes.length,
  };
}

/** Nobody is connected. */
async function measureRest(_row, server) {
  await server.stop();
  await server.start();
  await server.settle();
  await sleep(REST_SETTLE_MS);
  const cpu = server.cpuSeconds();
  await sleep(REST_MS);
  const memory = server.memory();
  return {
    ops: 1,
    seconds: REST_MS / 1000,
    cpuSeconds: server.cpuSeconds() - cpu,
    cpuPercent: ((server.cpuSeconds() - cpu) / (REST_MS / 1000)) * 100,
    memoryMb: (memory.kib * 1024) / MB,
    byProcess: memory.processes.map(({ command, kib }) => ({ command: roleOf(command), mb: (kib * 1024) / MB })),
    load: load(),
  };
}

async function secondStart(_row, server) {
  await server.stop();
  const cpu = server.cpuSeconds();
  const seconds = await server.start();
  return { ops: 1, seconds, cpuSeconds: server.cpuSeconds() - cpu, load: load() };
}

function loginArguments(server, row, tls) {
  const { port, user, password } = server.login({ tls, account: row.account });
  return ['-p', port, '-u', user, '-w', password];
}

function checkUploads(row, server) {
  if (row.uploadBytes === undefined) return;
  const folder = row.account === undefined ? server.uploads : server.uploadsOf(row.account);
  emptyUploads(folder, { expectedBytes: row.uploadBytes });
}

function roleOf(command) {
  const app = /apps\/([a-z-]+)\/src\/([a-z-]+)\.js/.exec(command);
  if (app !== null) return app[1] === 'ftp-worker' ? app[2] : app[1];
  return command.startsWith('postgres:')
    ? command.split(' ').slice(0, 3).join(' ')
    : command.split(' ', 1)[0].split('/').at(-1);
}
