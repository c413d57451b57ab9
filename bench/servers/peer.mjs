import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { ProcessGroup, sleep } from '../process-group.mjs';

const START_DEADLINE_MS = 20_000;

/** A free port; it was one a moment ago. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * A server to compare with. Its definition says how it is started:
 * `{ name, why, sites: [{ args, program, env?, protects }] }` where one site serves plain sessions, TLS sessions or both.
 */
export class Peer {
  constructor(definition, { core, scratch, files }) {
    this.name = definition.name;
    this.definition = definition;
    this.files = files;
    this.scratch = scratch;
    this.group = new ProcessGroup(definition.name, { core });
    this.ports = new Map();
  }

  get uploads() {
    return join(this.files, 'up');
  }

  async start() {
    for (const site of this.definition.sites) {
      const port = await freePort();
      const logFile = join(this.scratch, `${this.name}.log`);
      const log = openSync(logFile, 'a');
      const { program, args, env } = site(port);
      this.group.spawn(program, args, {
        cwd: this.scratch,
        stdio: ['ignore', log, log],
        env: { PATH: process.env['PATH'], HOME: this.scratch, ...env },
      });
      closeSync(log);
      if (!(await greeted(port))) throw new Error(`${this.name} did not start:\n${readFileSync(logFile, 'utf8')}`);
      this.ports.set(site.protects ?? 'any', port);
    }
  }

  /** What the load client needs to log in. */
  login({ tls }) {
    const port = this.ports.get('any') ?? this.ports.get(tls ? 'tls' : 'plain');
    return { port, user: 'anonymous', password: 'bench@example.com' };
  }

  path(name) {
    return name;
  }

  memory() {
    return this.group.memory();
  }

  cpuSeconds() {
    return this.group.cpuSeconds();
  }

  async stop() {
    await this.group.end();
  }
}

/** Whether it says hello before the deadline. */
async function greeted(port) {
  const until = Date.now() + START_DEADLINE_MS;
  while (Date.now() < until) {
    if (await greets(port)) return true;
    await sleep(50);
  }
  return false;
}

function greets(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, () => end(false));
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
  });
}
