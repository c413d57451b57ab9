import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ProcessGroup } from './process-group.mjs';

/** One of the programs in client/; throws with what to install where it cannot be compiled. */
export function compileClient(folder, name) {
  const program = join(folder, name);
  const source = join(import.meta.dirname, 'client', `${name}.c`);
  try {
    execFileSync('cc', ['-O2', '-o', program, source, '-lssl', '-lcrypto', '-lpthread'], { stdio: 'pipe' });
  } catch (error) {
    throw new Error(
      `The ${name} could not be compiled: apt-get install gcc libc6-dev libssl-dev\n${error.stderr ?? error.message}`,
      { cause: error },
    );
  }
  return program;
}

export class LoadClient {
  constructor(program, { core }) {
    this.program = program;
    this.group = new ProcessGroup('client', { core });
  }

  /** One run; throws with the client's own words where it failed. */
  async run(args, { timeoutMs = 120_000 } = {}) {
    const session = this.open(args, { timeoutMs });
    const result = await session.result;
    await session.end();
    return result;
  }

  /** A run whose process stays until it is told to end: `result` comes first, then `release` lets it go on. */
  open(args, { timeoutMs = 120_000 } = {}) {
    const child = this.group.spawn(this.program, args.map(String), { stdio: ['pipe', 'pipe', 'pipe'], env: {} });
    const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const lines = [];
    const waiting = [];
    let complaint = '';
    child.stderr.on('data', (chunk) => (complaint += chunk));
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const next = waiting.shift();
      if (next === undefined) lines.push(line);
      else next.resolve(line);
    });
    const ended = async () => {
      const [code, signal] = await once(child, 'close');
      clearTimeout(late);
      const reason = signal === 'SIGKILL' ? `no end after ${timeoutMs / 1000} s` : complaint.trim().slice(-300);
      for (const { reject } of waiting) reject(new Error(`load client: ${reason || `exit code ${code}`}`));
    };
    const closed = ended();
    const line = () =>
      lines.length > 0
        ? Promise.resolve(lines.shift())
        : new Promise((resolve, reject) => {
            waiting.push({ resolve, reject });
          });
    return {
      pid: () => child.pid,
      result: line().then((text) => JSON.parse(text)),
      release: async () => {
        child.stdin.write('\n');
        return JSON.parse(await line());
      },
      end: () => closed,
    };
  }
}
