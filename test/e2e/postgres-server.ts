import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

const GUARDIAN = join(import.meta.dirname, '../../libs/testing/postgres/guardian.mjs');

/** A PostgreSQL of a spec's own, which it can take away and give back. */
export class PostgresServer {
  private constructor(
    private readonly guardian: ChildProcess,
    private readonly lines: Interface,
    /** For DATABASE_URL. */
    readonly url: string,
  ) {}

  /** `network`: also reached at this address of the machine, from this subnet (CIDR). */
  static async start(network?: { readonly address: string; readonly subnet: string }): Promise<PostgresServer> {
    const args = network === undefined ? [] : [network.address, network.subnet];
    const guardian = spawn(process.execPath, [GUARDIAN, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const lines = createInterface({ input: guardian.stdout });
    const { url, error } = JSON.parse(await lineOf(lines, guardian)) as { url?: string; error?: string };
    if (url === undefined) throw new Error(`PostgreSQL could not be started: ${error}`);
    return new PostgresServer(guardian, lines, url);
  }

  /** `freeze`: it answers nothing and keeps its connections; `stop`: they break and new ones are refused. */
  async order(what: 'stop' | 'start' | 'freeze' | 'thaw'): Promise<void> {
    if (this.guardian.exitCode !== null) throw ended();
    this.guardian.stdin?.write(`${what}\n`);
    await lineOf(this.lines, this.guardian);
  }

  async end(): Promise<void> {
    if (this.guardian.exitCode !== null) return;
    const exited = once(this.guardian, 'exit');
    this.guardian.stdin?.end();
    await exited;
  }
}

/** Throws where the process ends before it says one. */
async function lineOf(lines: Interface, guardian: ChildProcess): Promise<string> {
  const answered = new AbortController();
  const { signal } = answered;
  try {
    const gone = once(guardian, 'exit', { signal }).then(() => {
      throw ended();
    });
    const [line] = (await Promise.race([once(lines, 'line', { signal }), gone])) as [string];
    return line;
  } finally {
    answered.abort();
  }
}

function ended(): Error {
  return new Error('The process that keeps PostgreSQL has ended');
}
