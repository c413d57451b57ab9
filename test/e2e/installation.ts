import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from './api-client.js';
import { freePort } from './free-port.js';

const MAIN = join(import.meta.dirname, '../../dist/apps/standalone/apps/standalone/src/main.js');
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 60_000;

export interface Ports {
  readonly api: number;
  readonly ftp: number;
  readonly ftps: number;
  readonly passive: string;
}

export interface InstallationOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A data folder of an earlier installation; a new one, removed at the end, when absent. */
  readonly dataDir?: string;
  readonly ports?: Ports;
}

/** How a process ended, and what it had printed. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** The built product, started as people start it, on ports that were free a moment ago. */
export class RunningInstallation {
  readonly api: ApiClient;

  constructor(
    private readonly process: ChildProcess,
    readonly dataDir: string,
    readonly ports: Ports,
    private readonly printed: () => string,
    private readonly ended: Promise<Ended>,
  ) {
    this.api = new ApiClient(
      `http://127.0.0.1:${ports.api}/v1`,
      readFileSync(join(dataDir, 'admin-key'), 'utf8').trim(),
    );
  }

  get output(): string {
    return this.printed();
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  get root(): string {
    return `http://127.0.0.1:${this.ports.api}`;
  }

  get certificate(): string {
    return join(this.dataDir, 'tls/certificate.pem');
  }

  /** The newest pid of each child, as the log tells. */
  children(): Map<string, number> {
    const pids = new Map<string, number>();
    for (const { msg } of this.logRecords()) {
      const match = /^(\S+) is (?:ready|back) \(pid (\d+)\)$/.exec(msg);
      if (match) pids.set(match[1] ?? '', Number(match[2]));
    }
    return pids;
  }

  /** The database server's pid, as it has noted itself. */
  postgresPid(): number {
    return Number(readFileSync(join(this.dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n', 1)[0]);
  }

  logRecords(): { readonly level: string; readonly msg: string; readonly app?: string }[] {
    return readFileSync(join(this.dataDir, 'logs/quayside.log'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { level: string; msg: string });
  }

  /**
   * Ends one child without warning and resolves when its successor is ready. The API steps back behind transfers:
   * beside uploads and another file's installation, on two processors, 15 s were not always enough for it to start.
   */
  async killChild(role: string, withinMs = 60_000): Promise<void> {
    const pid = this.children().get(role);
    if (pid === undefined) throw new Error(`There is no child ${role}`);
    process.kill(pid, 'SIGKILL');
    await eventually(() => {
      if (this.children().get(role) !== pid) return;
      const log = this.logRecords().slice(-20);
      throw new Error([`${role} is not back; its log ends:`, ...log.map(({ msg }) => msg)].join('\n  '));
    }, withinMs);
  }

  /** Bytes and number of the files in all spaces or in one, from the disk itself. */
  onDisk(spaceId = ''): { bytes: number; files: number } {
    return this.count('files', spaceId);
  }

  /** Bytes of uploads that are not committed. */
  stagedBytes(): number {
    return this.count('staging').bytes;
  }

  private count(tree: 'files' | 'staging', spaceId = ''): { bytes: number; files: number } {
    const total = { bytes: 0, files: 0 };
    const root = join(this.dataDir, 'storage');
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      // <space's folder>/files/… and <space's folder>/staging/…, where the folder may have levels of its own.
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || !`${path.slice(root.length)}/`.includes(`${spaceId}/${tree}/`)) continue;
      const size = statSync(path, { throwIfNoEntry: false })?.size;
      if (size === undefined || (tree === 'staging' && entry.name.endsWith('.json'))) continue;
      total.files += 1;
      total.bytes += size;
    }
    return total;
  }

  /** Asks it to end as Ctrl-C does. The data folder stays. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Ended> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill(signal);
    const late = setTimeout(() => this.process.kill('SIGKILL'), STOP_DEADLINE_MS);
    try {
      return await this.ended;
    } finally {
      clearTimeout(late);
    }
  }
}

/** Starts an installation and resolves when it says that it is ready. */
export async function startInstallation(options: InstallationOptions = {}): Promise<RunningInstallation> {
  const dataDir = options.dataDir ?? newDataDir();
  const ports = options.ports ?? (await freePorts());
  const { child, printed, ended } = launch({ ...settings(dataDir, ports), ...options.env });
  const ready = new Promise<void>((resolve) => {
    child.stdout?.on('data', () => {
      if (printed().includes('Quayside is ready')) resolve();
    });
  });
  const late = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
  const first = await Promise.race([ready, ended]);
  clearTimeout(late);
  if (first !== undefined) throw new Error(`The installation ended with ${first.code}:\n${first.output}`);
  return new RunningInstallation(child, dataDir, ports, printed, ended);
}

/** Starts an installation that is expected to refuse. */
export async function startRefused(options: InstallationOptions & { readonly dataDir: string }): Promise<Ended> {
  const ports = options.ports ?? (await freePorts());
  const { child, ended } = launch({ ...settings(options.dataDir, ports), ...options.env });
  const late = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
  const end = await ended;
  clearTimeout(late);
  return end;
}

const folders: string[] = [];

export function newDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quayside-e2e-'));
  folders.push(folder);
  return folder;
}

let home: string | undefined;

/** Home folder of the client programs: some write histories there. Removed with the data folders. */
export function clientHome(): string {
  home ??= newDataDir();
  return home;
}

/** For `afterAll`, after the installations have been stopped. */
export function removeDataDirs(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

function launch(env: NodeJS.ProcessEnv): { child: ChildProcess; printed: () => string; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const collect = (chunk: Buffer): void => {
    text += chunk.toString();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output: text }));
  return { child, printed: () => text, ended };
}

function settings(dataDir: string, ports: Ports): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    TMPDIR: process.env['TMPDIR'],
    DATA_DIR: dataDir,
    API_PORT: String(ports.api),
    FTP_HOST: '127.0.0.1',
    FTP_PORT: String(ports.ftp),
    FTPS_PORT: String(ports.ftps),
    FTP_PASSIVE_PORTS: ports.passive,
    FTP_WORKERS: '2',
    // Dozens of installations on two processors: what warms a worker for customers would only slow the others down.
    FTP_WARM_UP: 'off',
    FTP_DRAIN_TIMEOUT: '5',
    BCRYPT_COST: '4',
  };
}

export async function freePorts(): Promise<Ports> {
  const ports = new Set<number>();
  while (ports.size < 3) ports.add(await freePort());
  const [api = 0, ftp = 0, ftps = 0] = ports;
  // Below the ports that the kernel gives out by itself, so that the range meets no client.
  // Files that run at the same time take from halves of it.
  const half = Number(process.env['JEST_WORKER_ID'] ?? 0) % 2;
  const base = 20_000 + (Math.floor(Math.random() * 95) * 2 + half) * 60;
  return { api, ftp, ftps, passive: `${base}-${base + 39}` };
}

/** Repeats until it does not throw; the last failure is thrown when time is up. */
export async function eventually<T>(check: () => T | Promise<T>, withinMs: number): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
