import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadConfig } from '@quayside/config';
import { certificateFiles } from './certificate.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-certificate-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const DAY_MS = 86_400_000;

describe('certificateFiles', () => {
  it('makes an ECDSA P-256 certificate for every name of this machine, with a key that only its owner reads', async () => {
    const files = await certificateFiles(loadConfig({ DATA_DIR: folder, FTP_PUBLIC_ADDRESS: '203.0.113.7' }));
    const certificate = new X509Certificate(readFileSync(files.certFile));
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('203.0.113.7')).toBe('203.0.113.7');
    expect(statSync(files.keyFile).mode & 0o777).toBe(0o600);
  });

  it('keeps it until a month before its end, then makes another', async () => {
    const config = loadConfig({ DATA_DIR: folder });
    const first = readFileSync((await certificateFiles(config)).certFile, 'utf8');
    expect(readFileSync((await certificateFiles(config, Date.now() + 300 * DAY_MS)).certFile, 'utf8')).toBe(first);
    const renewed = readFileSync((await certificateFiles(config, Date.now() + 370 * DAY_MS)).certFile, 'utf8');
    expect(renewed).not.toBe(first);
  });

  it('takes the files of the operator', async () => {
    const own = await certificateFiles(loadConfig({ DATA_DIR: folder }));
    const config = loadConfig({ DATA_DIR: folder, FTP_TLS_CERT: own.certFile, FTP_TLS_KEY: own.keyFile });
    expect(await certificateFiles(config)).toEqual({ ...own, selfSigned: false });
  });
});
