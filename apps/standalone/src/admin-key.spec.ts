import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadConfig } from '@quayside/config';
import { adminKey } from './admin-key.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-key-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('adminKey', () => {
  it('makes a key once, in a file that only its owner reads', () => {
    const config = loadConfig({ DATA_DIR: folder });
    const { key, file } = adminKey(config);
    expect(key).toMatch(/^qs_[A-Za-z0-9]{8}_[A-Za-z0-9]{43}$/);
    expect(readFileSync(file ?? '', 'utf8')).toBe(`${key}\n`);
    expect(statSync(file ?? '').mode & 0o777).toBe(0o600);
    expect(adminKey(config).key).toBe(key);
  });

  it('takes the key of the operator and writes it nowhere', () => {
    const key = 'k'.repeat(32);
    expect(adminKey(loadConfig({ DATA_DIR: folder, BOOTSTRAP_ADMIN_KEY: key }))).toEqual({ key, file: null });
  });
});
