import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { generate } from 'selfsigned';
import { ConfigError } from './config-error.js';
import { loadConfig } from './load-config.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function faultsOf(env: NodeJS.ProcessEnv): Record<string, string> {
  try {
    loadConfig({ DATA_DIR: folder, ...env });
  } catch (error) {
    if (error instanceof ConfigError) return Object.fromEntries(error.faults.map((f) => [f.name, f.message]));
    throw error;
  }
  return {};
}

describe('loadConfig', () => {
  it('needs nothing to be set', () => {
    const config = loadConfig({ DATA_DIR: folder });
    expect(config.api).toEqual({ host: '127.0.0.1', port: 3000 });
    expect(config.ftp).toMatchObject({
      host: '0.0.0.0',
      port: 2121,
      implicitTlsPort: 9990,
      passivePorts: { first: 30000, last: 30099 },
      publicAddress: undefined,
      idleTimeoutMs: 300_000,
    });
    expect(config.storage).toEqual({ root: join(folder, 'storage'), fsync: true, partialTtlMs: 86_400_000 });
    expect(config.spool.dir).toBe(join(folder, 'spool'));
    expect(config.database.url).toBeUndefined();
    expect(config.ftp.workers).toBeGreaterThan(0);
  });

  it('counts an empty variable as unset', () => {
    expect(loadConfig({ DATA_DIR: folder, FTP_PORT: '', DATABASE_URL: '' }).ftp.port).toBe(2121);
  });

  it('has traces where a collector is set, and says what is wrong without showing the headers', () => {
    expect(loadConfig({ DATA_DIR: folder, OTEL_TRACES_SAMPLER_ARG: '0.5' }).traces).toBeNull();
    const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
    const headers = { OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20a%2Cb=, x-scope = team' };
    expect(loadConfig({ DATA_DIR: folder, ...collector, ...headers, OTEL_TRACES_SAMPLER_ARG: '0.25' }).traces).toEqual({
      endpoint: 'http://127.0.0.1:4318',
      headers: { authorization: 'Bearer a,b=', 'x-scope': 'team' },
      ratio: 0.25,
    });
    for (const text of ['hunter2', '=hunter2', 'a=%0d%0ahunter2', 'a=%zz']) {
      const faults = faultsOf({ ...collector, OTEL_EXPORTER_OTLP_HEADERS: text });
      expect(faults['OTEL_EXPORTER_OTLP_HEADERS']).toMatch(/^must be name=value pairs/);
      expect(JSON.stringify(faults)).not.toContain('hunter2');
    }
    for (const text of ['1.1', '-0.1', 'all', '1e-1']) {
      expect(faultsOf({ OTEL_TRACES_SAMPLER_ARG: text })).toHaveProperty('OTEL_TRACES_SAMPLER_ARG');
    }
    expect(faultsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' })).toHaveProperty('OTEL_EXPORTER_OTLP_ENDPOINT');
  });

  it('is frozen all the way down', () => {
    const config = loadConfig({ DATA_DIR: folder });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.ftp)).toBe(true);
    expect(Object.isFrozen(config.ftp.passivePorts)).toBe(true);
  });

  it('names every fault at once, with what to do', () => {
    const faults = faultsOf({
      FTP_PORT: 'twenty-one',
      FTP_PASSIVE_PORTS: '30099-30000',
      FTP_PUBLIC_ADDRESS: 'ftp.example.com',
      DATABASE_URL: 'mysql://root:hunter2@db/x',
      UPLOAD_FSYNC: 'yes',
      LOG_LEVEL: 'loud',
      FTP_TLS_CERT: '/nonexistent/cert.pem',
    });
    expect(Object.keys(faults).toSorted()).toEqual([
      'DATABASE_URL',
      'FTP_PASSIVE_PORTS',
      'FTP_PORT',
      'FTP_PUBLIC_ADDRESS',
      'FTP_TLS_KEY',
      'LOG_LEVEL',
      'UPLOAD_FSYNC',
    ]);
    expect(faults['FTP_PORT']).toBe('must be a whole number from 1 to 65535; it is "twenty-one"');
    expect(faults['UPLOAD_FSYNC']).toContain('on or off');
  });

  it('never repeats a secret', () => {
    const faults = faultsOf({ DATABASE_URL: 'mysql://root:hunter2@db/x', BOOTSTRAP_ADMIN_KEY: 'hunter2' });
    expect(Object.keys(faults)).toHaveLength(2);
    expect(JSON.stringify(faults)).not.toContain('hunter2');
  });

  it.each([
    [{ API_PORT: '2121' }, 'FTP_PORT', 'same port as API_PORT'],
    [{ FTPS_PORT: '30001' }, 'FTPS_PORT', 'inside FTP_PASSIVE_PORTS'],
    [{ FTP_PASSIVE_PORTS: '30000-30001', FTP_WORKERS: '3' }, 'FTP_PASSIVE_PORTS', '2 ports for 3 workers'],
    [{ FTP_PASSIVE_PORTS: '80-90' }, 'FTP_PASSIVE_PORTS', 'from 1024'],
    [{ FTP_PASIVE_PORTS: '30000-30099' }, 'FTP_PASIVE_PORTS', 'did you mean FTP_PASSIVE_PORTS?'],
  ])('refuses %j', (env, name, text) => {
    expect(faultsOf(env)[name]).toContain(text);
  });

  it('lets FTPS be off', () => {
    expect(loadConfig({ DATA_DIR: folder, FTPS_PORT: '0' }).ftp.implicitTlsPort).toBe(0);
  });

  it('leaves the variables of other programs alone', () => {
    expect(faultsOf({ FTP_PROXY: 'http://proxy:3128', PATH: '/bin', HOME: '/', XDG_DATA_DIRS: '/usr/share' })).toEqual(
      {},
    );
  });

  it('says which folder cannot be used', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(faultsOf({ DATA_DIR: join(file, 'below') })['DATA_DIR']).toContain('ENOTDIR');
    expect(faultsOf({ STORAGE_ROOT: join(file, 'below') })['STORAGE_ROOT']).toContain('cannot be written');
  });

  it('reads the certificate pair and notices a key of another one', async () => {
    const pair = async (name: string): Promise<{ cert: string; key: string }> => {
      const made = await generate([{ name: 'commonName', value: name }], { keyType: 'ec', curve: 'P-256' });
      const files = { key: join(folder, `${name}.key`), cert: join(folder, `${name}.crt`) };
      writeFileSync(files.key, made.private);
      writeFileSync(files.cert, made.cert);
      return files;
    };
    const [one, two] = [await pair('one'), await pair('two')];
    expect(faultsOf({ FTP_TLS_CERT: one.cert, FTP_TLS_KEY: one.key })).toEqual({});
    expect(faultsOf({ FTP_TLS_CERT: one.cert, FTP_TLS_KEY: two.key })['FTP_TLS_KEY']).toContain('is not the key of');
    const { publicKey } = generateKeyPairSync('ed25519', {
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const bad = join(folder, 'bad.pem');
    writeFileSync(bad, publicKey);
    expect(faultsOf({ FTP_TLS_CERT: bad, FTP_TLS_KEY: bad })).toEqual({
      FTP_TLS_CERT: `${bad} is not a PEM certificate`,
      FTP_TLS_KEY: `${bad} is not a PEM private key without a passphrase`,
    });
  });
});
