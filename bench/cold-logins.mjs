import bcrypt from 'bcrypt';
import { median } from './summary.mjs';
import { timedLogin } from './timed-login.mjs';

/** The product's default. */
const COST = 12;
/** Hashes that a worker computes at once. */
const HASHES = 2;
/** So many first logins at a time; `busy` programs that only use the core are what hashes without manners would be. */
const WINDOWS = [
  { name: 'quiet', atOnce: 0, busy: 0 },
  { name: 'one', atOnce: 1, busy: 0 },
  { name: 'four', atOnce: 4, busy: 0 },
  { name: 'control', atOnce: 0, busy: HASHES },
];
const NOOP_PAUSE_MS = 2;
const SAMPLES = 3;

/**
 * Others' transfers while accounts log in for the first time: the rate of one download after the other and the round
 * trips of NOOP at a fixed pace, without such logins, with one after the other, with four at a time, and beside programs
 * that use the core as the hashes could. Server and hashes share one core, so that something is lost in any case.
 */
export async function measureColdLogins(row, server, { client, round }) {
  const hash = await bcrypt.hash(server.password, COST);
  const context = { client, hash, hashSeconds: await secondsOf(hash, server.password) };
  const windows = {};
  // Nobody is always the first.
  for (let turn = 0; turn < WINDOWS.length; turn++) {
    const window = WINDOWS[(turn + round) % WINDOWS.length];
    windows[window.name] = await measureWindow(row, server, { ...context, ...window });
    await server.settle();
  }
  const { quiet, four } = windows;
  for (const window of Object.values(windows)) {
    window.rateKept = window.megabytesPerSecond / quiet.megabytesPerSecond;
    window.p99Ratio = window.noop.p99us / quiet.noop.p99us;
  }
  return {
    ops: four.logins,
    seconds: row.seconds,
    cpuSeconds: four.cpuSeconds,
    memoryMb: four.memoryMb,
    rateKept: four.rateKept,
    hashSeconds: context.hashSeconds,
    windows,
  };
}

async function measureWindow(row, server, { client, atOnce, busy, hash, hashSeconds }) {
  const names = await makeAccounts(server, hash, atOnce * Math.ceil(2 + row.seconds / hashSeconds));
  await server.settle();
  const { port, user, password } = server.login();
  const who = ['-p', port, '-u', user, '-w', password];
  const cpu = server.cpuSeconds();
  const window = new AbortController();
  const burning = Array.from({ length: busy }, () => server.group.spawn('/bin/bash', ['-c', 'while :; do :; done']));
  const logins = Array.from({ length: atOnce }, (_, n) =>
    logInAnew(names, { port, password, from: `127.0.0.${n + 2}`, signal: window.signal }),
  );
  let download;
  let noop;
  try {
    [download, noop] = await Promise.all([
      client.run([...who, ...row.client]),
      client.run([...who, '-o', 'control', '-c', 'NOOP', '-i', NOOP_PAUSE_MS, '-d', row.seconds]),
    ]);
  } finally {
    for (const child of burning) child.kill('SIGKILL');
    window.abort();
  }
  const cpuSeconds = server.cpuSeconds() - cpu;
  const memoryMb = (server.memory().kib * 1024) / 1e6;
  const times = (await Promise.all(logins)).flat();
  return {
    megabytesPerSecond: download.bytes / download.seconds / 1e6,
    noop: { p50us: noop.p50us, p99us: noop.p99us, maxUs: noop.maxUs },
    logins: times.filter(({ during }) => during).length,
    /** Of those too that ended after the downloads had. */
    loginMs: times.length === 0 ? null : median(times.map(({ ms }) => ms)),
    cpuSeconds,
    memoryMb,
  };
}

/** One login after the other until the window ends; the last of them ends after it. */
async function logInAnew(names, { port, password, from, signal }) {
  const times = [];
  while (!signal.aborted) {
    const user = names.pop();
    if (user === undefined) throw new Error('More first logins than accounts');
    const ms = await timedLogin({ port, user, password, from });
    times.push({ ms, during: !signal.aborted });
  }
  return times;
}

let made = 0;

/** With a hash that is there already, so that making them costs no hash. */
async function makeAccounts(server, passwordHash, count) {
  const names = [];
  for (let n = 0; n < count; n++) {
    const username = `cold${++made}`;
    await server.api('POST', `/tenants/${server.tenant}/accounts`, { username, passwordHash });
    names.push(`${username}@${server.tenant}`);
  }
  return names;
}

async function secondsOf(hash, password) {
  const times = [];
  for (let n = 0; n < SAMPLES; n++) {
    const startedAt = performance.now();
    await bcrypt.compare(password, hash);
    times.push((performance.now() - startedAt) / 1000);
  }
  return median(times);
}
