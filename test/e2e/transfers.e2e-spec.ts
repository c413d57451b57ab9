import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CLIENTS } from './clients.js';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';

jest.setTimeout(120_000);

const BYTES = 8 * 1024 * 1024 + 17;
const login = { user: 'alice@acme', password: 'correct-horse-battery' };

let server: RunningInstallation;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-e2e-files-'));
  server = await startInstallation();
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  await server.api.ok('POST', '/tenants/acme/accounts', { username: 'alice', password: login.password });
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
  rmSync(folder, { recursive: true, force: true });
});

const present = CLIENTS.filter(({ installed }) => installed);
const absent = CLIENTS.filter(({ installed }) => !installed).map(({ name }) => name);

if (absent.length > 0) {
  // What this machine does not have is left out by name, not in silence.
  it.todo(`needs to be installed: ${absent.join(', ')}`);
}

describe.each(present.flatMap((client) => client.modes.map((mode) => ({ client, mode, name: client.name }))))(
  '$name, $mode',
  ({ client, mode }) => {
    const slug = `${client.name}-${mode}`.toLowerCase().replaceAll(/[^a-z]+/g, '-');

    it('uploads and downloads the same bytes, logged and counted', async () => {
      const content = randomBytes(BYTES);
      const sha256 = createHash('sha256').update(content).digest('hex');
      const [source, target] = [join(folder, `${slug}.src`), join(folder, `${slug}.dst`)];
      writeFileSync(source, content);
      const before = (await server.api.account('acme', 'alice')).usage;

      await client.put(server, login, mode, source, `/${slug}.bin`);
      await client.get(server, login, mode, `/${slug}.bin`, target);

      expect(createHash('sha256').update(readFileSync(target)).digest('hex')).toBe(sha256);
      const protocol = mode === 'plain' ? 'ftp' : 'ftps';
      const rows = await eventually(async () => {
        const found = await server.api.transfers('acme', { path: `/${slug}.bin` });
        expect(found.map(({ direction }) => direction).toSorted()).toEqual(['download', 'upload']);
        return found;
      }, 20_000);
      for (const row of rows) {
        expect(row).toMatchObject({ outcome: 'completed', bytes: BYTES, protocol, path: `/${slug}.bin` });
      }
      expect(rows.find(({ direction }) => direction === 'upload')).toMatchObject({ sha256 });
      await eventually(async () => {
        const { usage } = await server.api.account('acme', 'alice');
        expect(usage).toMatchObject({ bytes: before.bytes + BYTES, files: before.files + 1 });
        expect(usage).toMatchObject(server.onDisk());
      }, 20_000);
    });
  },
);
