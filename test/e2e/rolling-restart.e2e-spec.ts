import { createHash, randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { curlArgs, curlUrl } from './clients.js';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';

jest.setTimeout(180_000);

const RESTARTS = 5;
const CLIENTS = 4;
const BYTES = 2 * 1024 * 1024;
const run = promisify(execFile);
const login = { user: 'alice@acme', password: 'correct-horse-battery' };

let server: RunningInstallation;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-e2e-restart-'));
  server = await startInstallation({ env: { FTP_DRAIN_TIMEOUT: '30' } });
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  await server.api.ok('POST', '/tenants/acme/accounts', { username: 'alice', password: login.password });
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks one worker to end, as an upgrade does, and resolves when its successor serves. */
async function restart(role: string): Promise<void> {
  const pid = server.children().get(role)!;
  process.kill(pid, 'SIGTERM');
  await eventually(() => expect(server.children().get(role)).not.toBe(pid), 60_000);
}

// Without the right to filter its sockets a worker cannot keep the kernel from resetting a connection now and then.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('workers that are restarted one after the other', () => {
  it('finish what runs and lose no connection: no transfer fails', async () => {
    const content = randomBytes(BYTES);
    const digest = createHash('sha256').update(content).digest('hex');
    const source = join(folder, 'source');
    writeFileSync(source, content);
    const base = [...curlArgs(server, login, 'explicit'), '--limit-rate', '4M'];
    const over = new AbortController();
    let transfers = 0;
    const failures: string[] = [];
    const client = async (number: number): Promise<void> => {
      const target = join(folder, `target${number}`);
      while (!over.signal.aborted) {
        try {
          await run('curl', [...base, '-T', source, curlUrl(server, 'explicit', `/${number}`)]);
          await run('curl', [...base, '-o', target, curlUrl(server, 'explicit', `/${number}`)]);
          expect(createHash('sha256').update(readFileSync(target)).digest('hex')).toBe(digest);
          transfers += 2;
        } catch (error) {
          failures.push(String(error));
        }
      }
    };
    const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
    for (let round = 0; round < RESTARTS; round++) await restart(`ftp-worker-${(round % 2) + 1}`);
    over.abort();
    await Promise.all(clients);
    expect(failures).toEqual([]);
    expect(transfers).toBeGreaterThan(RESTARTS);
    const rows = await server.api.transfers('acme', { outcome: 'failed' });
    expect(rows.filter(({ outcome }) => outcome !== 'completed')).toEqual([]);
  });
});
