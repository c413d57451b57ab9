import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  eventually,
  freePorts,
  newDataDir,
  removeDataDirs,
  startInstallation,
  startRefused,
  type RunningInstallation,
} from './installation.js';

jest.setTimeout(120_000);

const run = promisify(execFile);
const running: RunningInstallation[] = [];

async function start(options?: Parameters<typeof startInstallation>[0]): Promise<RunningInstallation> {
  const server = await startInstallation(options);
  running.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});
afterAll(removeDataDirs);

/** The event consumer gives a batch in hand 18 s; the others end sooner where nobody is connected. */
const CHILD_STOP_DEADLINE_MS = 20_000;

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('npm start', () => {
  it('prints three commands that work as they stand', async () => {
    const server = await start();
    const commands = server.output.split('\n').filter((line) => line.startsWith('curl '));
    expect(commands).toHaveLength(3);
    for (const command of commands)
      await run('/bin/sh', ['-c', `${command} --fail`], { cwd: join(import.meta.dirname, '../..') });
    // The ledger follows the 226 within a moment.
    await eventually(async () => {
      expect((await server.api.account('acme', 'alice')).usage.files).toBe(1);
    }, 20_000);
    expect((await fetch(`${server.root}/health/ready`)).status).toBe(200);
    expect((await fetch(`${server.root}/docs`)).status).toBe(200);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends on %s with 0, leaves nothing running, and starts again on its data',
    async (signal) => {
      const first = await start();
      await first.api.ok('POST', '/tenants', { slug: 'kept', name: 'Kept' });
      const pids = [first.pid, first.postgresPid(), ...first.children().values()];
      expect(pids).toHaveLength(6);
      const { code } = await first.stop(signal);
      expect(code).toBe(0);
      expect(pids.filter(alive)).toEqual([]);

      const second = await start({ dataDir: first.dataDir });
      expect(await second.api.ok('GET', '/tenants/kept')).toMatchObject({ slug: 'kept', name: 'Kept' });
    },
  );

  it('comes up after it was killed itself, and its children did not outlive it', async () => {
    const first = await start();
    await first.api.ok('POST', '/tenants', { slug: 'kept', name: 'Kept' });
    const pids = [first.postgresPid(), ...first.children().values()];
    await first.stop('SIGKILL');
    const second = await start({ dataDir: first.dataDir });
    expect(await second.api.ok('GET', '/tenants/kept')).toMatchObject({ slug: 'kept' });
    // Each ends by itself when its parent is gone, and may finish what it has in hand first.
    await eventually(() => expect(pids.filter(alive)).toEqual([]), CHILD_STOP_DEADLINE_MS);
  });

  it('says that one is running already', async () => {
    const server = await start();
    const { code, output } = await startRefused({ dataDir: server.dataDir });
    expect(code).toBe(78);
    expect(output.trim()).toBe(
      `Quayside is already running (pid ${server.pid}) with the data folder ${server.dataDir}. Stop it first, or set DATA_DIR to another folder.`,
    );
  });

  it('names every port that is taken, with its setting', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const taken = (server.address() as AddressInfo).port;
    const { code, output } = await startRefused({
      dataDir: newDataDir(),
      ports: { ...(await freePorts()), ftp: taken },
    });
    server.close();
    expect(code).toBe(78);
    expect(output.trim()).toBe(
      `Port ${taken} on 127.0.0.1 (FTP_PORT) is already in use by another program. Stop that program, or set FTP_PORT to a free port.`,
    );
  });

  it.each([
    ['a wrong setting', { FTP_WORKERS: 'many' }, 'FTP_WORKERS: must be a whole number from 1 to 64; it is "many"'],
    [
      'a certificate that is none',
      { FTP_TLS_CERT: import.meta.filename, FTP_TLS_KEY: import.meta.filename },
      'is not a PEM certificate',
    ],
    ['a database that is down', { DATABASE_URL: 'postgresql://quayside@127.0.0.1:9/quayside' }, 'cannot be reached'],
  ])('refuses %s with one message and no stack', async (_what, env, text) => {
    const { code, output } = await startRefused({ dataDir: newDataDir(), env });
    expect(code).toBe(78);
    expect(output).toContain(text);
    expect(output).not.toMatch(/^\s+at /m);
  });

  it('refuses a data folder that cannot be written', async () => {
    const file = join(newDataDir(), 'file');
    writeFileSync(file, '');
    const { code, output } = await startRefused({ dataDir: join(file, 'data') });
    expect(code).toBe(78);
    expect(output).toMatch(/DATA_DIR: .* cannot be written \(ENOTDIR\)/);
  });

  it('refuses a cluster of another PostgreSQL', async () => {
    const dataDir = newDataDir();
    mkdirSync(join(dataDir, 'postgres'));
    writeFileSync(join(dataDir, 'postgres/PG_VERSION'), '17\n');
    const { code, output } = await startRefused({ dataDir });
    expect(code).toBe(78);
    expect(output).toContain('was made by PostgreSQL 17');
  });
});
