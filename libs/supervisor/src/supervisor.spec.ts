import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { fork } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { transformSync } from '@swc/core';
import { FatalError, listenError } from './fatal-error.js';
import { assertPortFree } from './port-check.js';
import { Supervisor, type ChildCrash, type ChildSpec, type SupervisorEvents } from './supervisor.js';

let folder: string;
const supervisors: Supervisor[] = [];

/** The child's half of the library as JavaScript, because real children are run by node and not by jest. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-supervisor-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const name of ['child', 'fatal-error', 'messages', 'questions']) {
    const source = readFileSync(join(import.meta.dirname, `${name}.ts`), 'utf8');
    const { code } = transformSync(source, {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'es6' },
    });
    writeFileSync(join(folder, `${name}.js`), code);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.stop()));
});

let scripts = 0;
function childThat(body: string, overrides: Partial<ChildSpec> = {}): ChildSpec {
  const script = join(folder, `child-${(scripts += 1)}.js`);
  const head = `import { answerParent, askParent, exitFatally, reportReady, stopOnRequest } from './child.js';
import { FatalError } from './fatal-error.js';
import { appendFileSync, existsSync } from 'node:fs';
`;
  writeFileSync(script, head + body);
  return { role: 'child', script, env: process.env, readyDeadlineMs: 10_000, stopDeadlineMs: 5_000, ...overrides };
}

interface Seen {
  readonly lines: string[];
  readonly crashes: ChildCrash[];
  readonly fatal: string[];
  readonly ready: number[];
}

function supervise(): { supervisor: Supervisor; seen: Seen; until: (test: (seen: Seen) => boolean) => Promise<void> } {
  const seen: Seen = { lines: [], crashes: [], fatal: [], ready: [] };
  let wake: (() => void) | undefined;
  const note = <T>(list: T[], item: T): void => {
    list.push(item);
    wake?.();
  };
  const events: SupervisorEvents = {
    onLine: (_role, line) => note(seen.lines, line),
    onCrash: (crash) => note(seen.crashes, crash),
    onReady: (_role, pid) => note(seen.ready, pid),
    onFatal: (_role, message) => note(seen.fatal, message),
    onQuestion: (role, what) => Promise.resolve(`${what} of ${role}`),
  };
  const supervisor = new Supervisor(events, { firstMs: 5, maxMs: 20, resetAfterMs: 60_000 });
  supervisors.push(supervisor);
  const until = async (test: (seen: Seen) => boolean): Promise<void> => {
    while (!test(seen)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { supervisor, seen, until };
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const SERVE = 'setInterval(() => undefined, 1000); reportReady();';

describe('Supervisor', () => {
  it('gives a child its own options of Node.js', async () => {
    const { supervisor, seen, until } = supervise();
    await supervisor.start(
      childThat("console.log(process.execArgv.join(' ')); reportReady(); stopOnRequest(async () => {});", {
        nodeOptions: ['--no-parallel-scavenge'],
      }),
    );
    await until(({ lines }) => lines.length === 1);
    expect(seen.lines).toEqual(['--no-parallel-scavenge']);
  });

  it('waits for the ready message and passes the output on line by line', async () => {
    const { supervisor, until } = supervise();
    await supervisor.start(childThat(`console.log('one\\ntwo'); console.error('three'); ${SERVE}`));
    expect(supervisor.states()).toEqual([expect.objectContaining({ role: 'child', state: 'ready', restarts: 0 })]);
    await until((seen) => seen.lines.length === 3);
  });

  it('asks its children and answers them', async () => {
    const { supervisor, until } = supervise();
    await supervisor.start(
      childThat(`answerParent({ twice: () => 2 });
setInterval(() => {}, 1000);
reportReady();
askParent('weather', 5000).then(console.log);`),
    );
    expect(await supervisor.ask('child', 'twice', 5_000)).toBe(2);
    await expect(supervisor.ask('child', 'thrice', 5_000)).rejects.toThrow('No answer');
    await expect(supervisor.ask('nobody', 'twice', 5_000)).rejects.toThrow('no child');
    await until(({ lines }) => lines.includes('weather of child'));
  });

  it('starts a child again after kill -9', async () => {
    const { supervisor, seen, until } = supervise();
    await supervisor.start(childThat(SERVE));
    process.kill(seen.ready[0] ?? 0, 'SIGKILL');
    await until(({ ready }) => ready.length === 2);
    expect(seen.crashes).toEqual([{ role: 'child', pid: seen.ready[0], how: 'signal SIGKILL', restartInMs: 5 }]);
    expect(seen.ready[1]).not.toBe(seen.ready[0]);
    expect(supervisor.states()[0]).toMatchObject({ state: 'ready', restarts: 1, pid: seen.ready[1] });
  });

  it('pauses longer and longer, up to the cap, between the starts of a child that keeps failing', async () => {
    const { supervisor, seen, until } = supervise();
    const flag = join(folder, 'crash-loop');
    await supervisor.start(
      childThat(`if (existsSync(${JSON.stringify(flag)})) process.exit(3);
        appendFileSync(${JSON.stringify(flag)}, 'x'); reportReady(); setTimeout(() => process.exit(4), 10);`),
    );
    await until(({ crashes }) => crashes.length === 5);
    expect(seen.crashes.map(({ restartInMs }) => restartInMs)).toEqual([5, 10, 20, 20, 20]);
    expect(seen.crashes.map(({ how }) => how)).toEqual(['exit code 4', ...Array<string>(4).fill('exit code 3')]);
  });

  it('rejects the first start with the last words of a child that ends before it is ready', async () => {
    const { supervisor } = supervise();
    await expect(supervisor.start(childThat(`console.error('no such module'); process.exit(9);`))).rejects.toThrow(
      /ended before it was ready \(exit code 9\)\n {2}no such module/,
    );
    expect(supervisor.states()).toEqual([]);
  });

  it('rejects the first start with the very message of a fatal exit', async () => {
    const { supervisor, seen } = supervise();
    const start = supervisor.start(childThat(`exitFatally(new FatalError('Port 21 is taken'));`));
    await expect(start).rejects.toThrow(/^Port 21 is taken$/);
    expect(seen.crashes).toEqual([]);
  });

  it('does not start a child again that ended with a fatal message, and says so', async () => {
    const { supervisor, seen, until } = supervise();
    await supervisor.start(childThat(`reportReady(); setTimeout(() => exitFatally(new FatalError('gone')), 10);`));
    await until(({ fatal }) => fatal.length === 1);
    expect(seen.fatal).toEqual(['gone']);
    expect(seen.crashes).toEqual([]);
    expect(supervisor.states()[0]).toMatchObject({ state: 'stopped' });
  });

  it('gives up a child that is not ready in time', async () => {
    const { supervisor } = supervise();
    const late = childThat('setInterval(() => undefined, 1000);', { readyDeadlineMs: 300 });
    await expect(supervisor.start(late)).rejects.toThrow('did not become ready within 0.3 s');
  });

  it('asks with SIGTERM and lets the child finish its work', async () => {
    const { supervisor, seen } = supervise();
    await supervisor.start(
      childThat(`stopOnRequest(async () => { await new Promise((r) => setTimeout(r, 50)); console.log('drained'); },
        { deadlineMs: 4000 }); ${SERVE}`),
    );
    await supervisor.stop();
    expect(seen.lines).toEqual(['drained']);
    expect(seen.crashes).toEqual([]);
    expect(alive(seen.ready[0] ?? 0)).toBe(false);
  });

  it('kills a child that does not listen', async () => {
    const { supervisor, seen } = supervise();
    await supervisor.start(childThat(`process.on('SIGTERM', () => undefined); ${SERVE}`, { stopDeadlineMs: 100 }));
    await supervisor.stop(['child']);
    expect(alive(seen.ready[0] ?? 0)).toBe(false);
  });

  it('does not start a child again that is stopped during its pause', async () => {
    const { supervisor, seen, until } = supervise();
    await supervisor.start(childThat(`reportReady(); setTimeout(() => process.exit(1), 5);`));
    await until(({ crashes }) => crashes.length === 1);
    await supervisor.stop();
    expect(supervisor.states()).toEqual([]);
    expect(seen.crashes).toHaveLength(1);
  });
});

describe('a child whose parent is killed', () => {
  it('runs its stop and ends', async () => {
    const trace = join(folder, 'orphan');
    const child = childThat(
      `stopOnRequest(async () => appendFileSync(${JSON.stringify(trace)}, 'drained'), { deadlineMs: 4000 }); ${SERVE}`,
    );
    const parent = join(folder, 'parent.js');
    writeFileSync(
      parent,
      `import { fork } from 'node:child_process';
      const child = fork(${JSON.stringify(child.script)}, { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
      child.on('message', () => process.send(child.pid));`,
    );
    const process_ = fork(parent, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: [] });
    const [pid] = (await once(process_, 'message')) as [number];
    expect(alive(pid)).toBe(true);
    process_.kill('SIGKILL');
    await once(process_, 'close');
    // The orphan is nobody's child, so that its end has no event here.
    for (let round = 0; alive(pid) && round < 500; round += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(alive(pid)).toBe(false);
    expect(readFileSync(trace, 'utf8')).toBe('drained');
  });
});

describe('assertPortFree', () => {
  it('names the setting of a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const target = { setting: 'FTP_PORT', host: '127.0.0.1', port };
    await expect(assertPortFree(target)).rejects.toThrow(`Port ${port} on 127.0.0.1 (FTP_PORT) is already in use`);
    server.close();
    await once(server, 'close');
    await expect(assertPortFree(target)).resolves.toBeUndefined();
  });

  it('names the address setting when the address is not of this machine', async () => {
    const target = { setting: 'FTP_PORT', hostSetting: 'FTP_HOST', host: '192.0.2.1', port: 2121 };
    await expect(assertPortFree(target)).rejects.toThrow('Set FTP_HOST');
  });

  it('explains a low port to an ordinary user and leaves other errors alone', () => {
    const denied = listenError(Object.assign(new Error(), { code: 'EACCES' }), { setting: 'FTP_PORT', port: 21 });
    expect(denied).toBeInstanceOf(FatalError);
    expect((denied as FatalError).message).toContain('CAP_NET_BIND_SERVICE');
    const other = new Error('other');
    expect(listenError(other, { setting: 'FTP_PORT', port: 21 })).toBe(other);
  });
});
