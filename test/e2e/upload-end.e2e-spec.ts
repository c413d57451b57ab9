import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CLIENT_PROGRAMS } from './client-programs.js';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';

jest.setTimeout(180_000);

const login = { user: 'alice@acme', password: 'correct-horse-battery' };
const BYTES = 300_001;
/** Who ends uploads over TLS without close_notify, as docs/ftp-clients.md lists them. */
const WITHOUT: readonly string[] = ['Java commons-net'];

let server: RunningInstallation;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-e2e-end-'));
  server = await startInstallation({ env: { FTP_TLS_UPLOAD_END: 'strict' } });
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  await server.api.ok('POST', '/tenants/acme/accounts', { username: 'alice', password: login.password });
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
  rmSync(folder, { recursive: true, force: true });
});

const programs = CLIENT_PROGRAMS.filter(
  ({ modes, cannot, installed }) => modes.includes('explicit') && cannot?.includes('put') !== true && installed(),
);

describe('uploads where FTP_TLS_UPLOAD_END is strict', () => {
  it.each(programs.flatMap((program) => program.modes.map((mode) => ({ name: program.name, mode, program }))))(
    'of $name, $mode',
    async ({ name, mode, program }) => {
      const path = `/${name}-${mode}.bin`.replaceAll(' ', '-');
      const source = join(folder, 'source');
      writeFileSync(source, randomBytes(BYTES));
      await program.run({ server, login, mode, folder }, [['put', source, path]]).catch(() => undefined);
      const [row] = await eventually(async () => {
        const rows = await server.api.transfers('acme', { path, direction: 'upload' });
        expect(rows.length).toBeGreaterThan(0);
        return rows;
      }, 20_000);
      const cut = mode !== 'plain' && WITHOUT.includes(name);
      expect([row?.outcome, row?.reason ?? null]).toEqual(cut ? ['failed', 'TLS_TRUNCATED'] : ['completed', null]);
    },
  );
});
