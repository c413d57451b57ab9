import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'basic-ftp';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { withinDeadline } from './within-deadline.js';

jest.setTimeout(180_000);

const login = { user: 'carol@acme', password: 'correct-horse-battery' };
const CLIENTS_AT_ONCE = 4;

let server: RunningInstallation;

beforeAll(async () => {
  server = await startInstallation();
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  await server.api.ok('POST', '/tenants/acme/accounts', { username: 'carol', password: login.password });
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
});

/** What a client was told with a 226, by path. */
type Answered = Map<string, { readonly sha256: string; readonly bytes: number }>;

/** Uploads small files, connecting again whenever the server goes away, until told to stop. */
async function keepUploading(prefix: string, answered: Answered, going: () => boolean): Promise<void> {
  for (let number = 0; going();) {
    const client = new Client(10_000);
    try {
      await client.access({ host: '127.0.0.1', port: server.ports.ftp, ...login });
      while (going()) {
        const content = randomBytes(10_000 + Math.floor(Math.random() * 50_000));
        const path = `/${prefix}-${(number += 1)}.bin`;
        await withinDeadline(client.uploadFrom(Readable.from(content), path), 10_000);
        answered.set(path, { sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length });
      }
    } catch {
      // The server is gone for a moment, which is the point; what was not answered is not counted.
      await new Promise((resolve) => setTimeout(resolve, 100));
    } finally {
      client.close();
    }
  }
}

describe('kill -9 under load', () => {
  it.each(['ftp-worker-1', 'ftp-worker-2', 'event-consumer', 'api', 'postgres'])(
    'of %s loses nothing that was answered 226',
    async (role) => {
      const answered: Answered = new Map();
      let going = true;
      const uploads = Array.from({ length: CLIENTS_AT_ONCE }, (_, index) =>
        keepUploading(`${role}-${index}`, answered, () => going),
      );
      try {
        await eventually(() => expect(answered.size).toBeGreaterThan(10), 20_000);
        await (role === 'postgres' ? killPostgres() : server.killChild(role));
        const before = answered.size;
        await eventually(() => expect(answered.size).toBeGreaterThan(before + 10), 30_000);
      } finally {
        going = false;
        await Promise.all(uploads);
      }

      await eventually(async () => {
        const rows = await server.api.transfers('acme', { direction: 'upload', outcome: 'completed' });
        const logged = rows.filter(({ path }) => path.startsWith(`/${role}-`));
        expect(new Set(logged.map(({ id }) => id)).size).toBe(logged.length);
        const byPath = new Map(logged.map((row) => [row.path, row]));
        for (const [path, { sha256, bytes }] of answered) expect(byPath.get(path)).toMatchObject({ sha256, bytes });
        const { usage } = await server.api.account('acme', 'carol');
        expect(usage).toMatchObject(server.onDisk());
      }, 30_000);
    },
  );
});

async function killPostgres(): Promise<void> {
  const pid = server.postgresPid();
  process.kill(pid, 'SIGKILL');
  await eventually(() => expect(server.postgresPid()).not.toBe(pid), 20_000);
}
