import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { shareDataSet } from '../data-set.mjs';
import { ProcessGroup, sleep } from '../process-group.mjs';
import { freePort } from './peer.mjs';

/** As `npm start` runs it. */
const NODE_OPTIONS = ['--min-semi-space-size=4', '--max-semi-space-size=4', '--expose-gc'];
const MAIN = join(import.meta.dirname, '../../dist/apps/standalone/apps/standalone/src/main.js');
const PRELOAD = join(import.meta.dirname, '../worker-profile.mjs');
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 60_000;
const SETTLE_DEADLINE_MS = 120_000;
/** With less of a core than this in use, nothing is under way any more. */
const SETTLED_CORE = 0.05;
const SETTLE_SLICE_MS = 500;
const TENANT = 'bench';

/**
 * The whole standalone installation, as `npm start` runs it: PostgreSQL, API, one FTP worker, event consumer, all on
 * the server's core, with authentication, policies, quota, staging, events and log as they are by default. The account
 * `bench` has a policy without upload receipts, `sealed` has the defaults; UPLOAD_FSYNC is off, as with the peers.
 */
export class Quayside {
  constructor({ core, scratch, files, tls, profile, settings = {} }) {
    this.name = 'quayside';
    this.scratch = scratch;
    this.files = files;
    this.tls = tls;
    this.profile = profile;
    this.settings = settings;
    this.dataDir = join(scratch, 'quayside');
    this.group = new ProcessGroup('quayside', { core });
    this.password = randomBytes(12).toString('hex');
    this.child = null;
    this.ports = null;
    this.trees = new Map();
  }

  /** Seconds until it said that it is ready. */
  async start() {
    this.ports ??= { api: await freePort(), ftp: await freePort(), ftps: await freePort() };
    const startedAt = performance.now();
    const child = this.group.spawn(process.execPath, [...NODE_OPTIONS, MAIN], { env: this.#settings() });
    this.child = child;
    let printed = '';
    const ready = new Promise((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        printed += `${line}\n`;
        if (line.includes('Quayside is ready')) resolve(true);
      });
    });
    child.stderr.on('data', (chunk) => (printed += chunk));
    const late = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
    const ended = once(child, 'close').then(() => false);
    const up = await Promise.race([ready, ended]);
    clearTimeout(late);
    if (!up) throw new Error(`The installation did not start:\n${printed}`);
    const seconds = (performance.now() - startedAt) / 1000;
    if (this.trees.size === 0) await this.#furnish();
    // The first login of each account pays for bcrypt; the rows are about the ones after it.
    for (const account of this.trees.keys()) await this.#sayAs(account, []);
    return seconds;
  }

  login({ account = 'bench' } = {}) {
    return { port: this.ports.ftp, user: `${account}@${TENANT}`, password: this.password };
  }

  get tenant() {
    return TENANT;
  }

  get uploads() {
    return join(this.trees.get('bench'), 'up');
  }

  uploadsOf(account) {
    return join(this.trees.get(account), 'up');
  }

  memory() {
    return this.group.memory();
  }

  /** Of the FTP worker alone, in KiB. */
  workerMemory() {
    const worker = this.memory().processes.find(({ command }) => command.includes('worker-process.js'));
    return worker?.kib ?? null;
  }

  cpuSeconds() {
    return this.group.cpuSeconds();
  }

  /** Waits until events have drained and nothing is under way; the CPU seconds that this took. */
  async settle() {
    // The profiler's own sampling never rests.
    if (this.profile !== null) return 0;
    const before = this.cpuSeconds();
    const until = Date.now() + SETTLE_DEADLINE_MS;
    for (let last = before; Date.now() < until;) {
      await sleep(SETTLE_SLICE_MS);
      const now = this.cpuSeconds();
      if (now - last < SETTLED_CORE * (SETTLE_SLICE_MS / 1000)) break;
      last = now;
    }
    return this.cpuSeconds() - before;
  }

  async stop() {
    const { child } = this;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
      await closed;
      clearTimeout(late);
    }
    await this.group.end();
    this.child = null;
  }

  #settings() {
    const env = {
      PATH: process.env['PATH'],
      HOME: this.scratch,
      DATA_DIR: this.dataDir,
      API_PORT: String(this.ports.api),
      FTP_HOST: '127.0.0.1',
      FTP_PORT: String(this.ports.ftp),
      FTPS_PORT: String(this.ports.ftps),
      FTP_PASSIVE_PORTS: '30000-30099',
      FTP_WORKERS: '1',
      FTP_MAX_SESSIONS: '20000',
      FTP_TLS_CERT: this.tls.certFile,
      FTP_TLS_KEY: this.tls.keyFile,
      UPLOAD_FSYNC: 'off',
      ...this.settings,
    };
    if (this.profile === null) return env;
    return { ...env, NODE_OPTIONS: `--import=${PRELOAD}`, QUAYSIDE_BENCH_PROFILES: this.profile };
  }

  /** Tenant, accounts and files. */
  async #furnish() {
    await this.api('POST', '/tenants', { slug: TENANT, name: 'Benchmark' });
    const policy = await this.api('POST', `/tenants/${TENANT}/policies`, {
      name: 'without receipts',
      rules: { uploads: { receipts: false } },
    });
    const { password } = this;
    await this.api('POST', `/tenants/${TENANT}/accounts`, { username: 'bench', password, policy: policy.id });
    await this.api('POST', `/tenants/${TENANT}/accounts`, { username: 'sealed', password });
    for (const account of ['bench', 'sealed']) {
      await this.#sayAs(account, ['MKD up']);
      this.trees.set(account, this.#newTree());
    }
    shareDataSet(this.files, this.trees.get('bench'));
  }

  /** The one folder of files that no account has yet. */
  #newTree() {
    const root = join(this.dataDir, 'storage');
    const known = new Set(this.trees.values());
    const tree = readdirSync(root, { recursive: true })
      .filter((path) => path.endsWith('files/up'))
      .map((path) => join(root, path, '..'))
      .find((path) => !known.has(path));
    if (tree === undefined || !existsSync(tree)) throw new Error('The files of the account were not found');
    return tree;
  }

  /** Calls the installation's API as its administrator; throws where it refuses. */
  async api(method, path, body) {
    const key = readFileSync(join(this.dataDir, 'admin-key'), 'utf8').trim();
    const response = await fetch(`http://127.0.0.1:${this.ports.api}/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** Logs in and says some commands; throws at the first negative reply. */
  async #sayAs(account, commands) {
    const { port, user, password } = this.login({ account });
    const socket = connect(port, '127.0.0.1');
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    const reply = async (command) => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`${command}: the connection ended`);
        if (!/^\d{3} /.test(value)) continue;
        if (value >= '4') throw new Error(`${command}: ${value}`);
        return;
      }
    };
    await reply('connect');
    for (const command of [`USER ${user}`, `PASS ${password}`, ...commands, 'QUIT']) {
      socket.write(`${command}\r\n`);
      await reply(command.split(' ', 1)[0]);
    }
    socket.destroy();
  }

  /** After `stop`: the data folder goes. */
  remove() {
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
