import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type TestAuthority, testAuthority, testCertificate, type TestCertificate } from '@quayside/testing';
import { clientHome, eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(120_000);

const run = promisify(execFile);
const login = { user: 'bob@acme', password: 'correct-horse-battery' };
const HOST = 'ftp.acme.example';

let folder: string;
let server: RunningInstallation;
let authority: TestAuthority;

async function installed(program: string): Promise<boolean> {
  return run('which', [program]).then(
    () => true,
    () => false,
  );
}

/** Files of a certificate for the client programs. */
function files(name: string, { cert, key }: TestCertificate): { cert: string; key: string } {
  const paths = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  writeFileSync(paths.cert, cert);
  writeFileSync(paths.key, key);
  return paths;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quayside-e2e-tls-'));
  authority = await testAuthority();
  writeFileSync(join(folder, 'ca.pem'), authority.cert);
  server = await startInstallation({ env: { FTP_TLS_CLIENT_CA: join(folder, 'ca.pem') } });
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  await server.api.ok('POST', '/tenants', { slug: 'umbrella', name: 'Umbrella' });
  await server.api.ok('POST', '/tenants/umbrella/domains', { domain: 'ftp.umbrella.example' });
  for (const username of ['bob', 'alice']) {
    await server.api.ok('POST', '/tenants/acme/accounts', { username, password: login.password });
  }
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
  rmSync(folder, { recursive: true, force: true });
});

/** curl with a client certificate, without a password that counts. */
async function curl(certificate: TestCertificate, user: string, ...args: string[]): Promise<string> {
  const { cert, key } = files('client', certificate);
  const base = ['-sS', '--cacert', server.certificate, '--cert', cert, '--key', key, '--user', `${user}:none`];
  const { stdout, stderr } = await run('curl', [...base, ...args], { env: { PATH: process.env['PATH'] } });
  return stdout + stderr;
}

describe('client certificates', () => {
  it.each(['1.2', '1.3'])('let curl in without a password, TLS %s, explicit and implicit', async (version) => {
    const certificate = await authority.issue({ commonName: 'Bob', emails: ['bob@acme'] });
    const source = join(folder, 'source');
    writeFileSync(source, `by certificate ${version}`);
    const tls = ['--tls-max', version, '--ssl-reqd'];
    const { ftp, ftps } = server.ports;
    await curl(certificate, login.user, ...tls, '-T', source, `ftp://127.0.0.1:${ftp}/c${version}`);
    for (const url of [`ftp://127.0.0.1:${ftp}`, `ftps://127.0.0.1:${ftps}`]) {
      expect(await curl(certificate, login.user, ...tls, `${url}/c${version}`)).toBe(`by certificate ${version}`);
    }
  });

  it('let nobody else in', async () => {
    const { ftps } = server.ports;
    const url = `ftps://127.0.0.1:${ftps}/`;
    const bobs = await authority.issue({ commonName: 'bob@acme' });
    const strangers = await (await testAuthority('Another')).issue({ commonName: 'bob@acme' });
    for (const [certificate, user] of [
      [bobs, 'alice@acme'],
      [strangers, 'bob@acme'],
      [await authority.issue({ commonName: 'bob@umbrella' }), 'bob@acme'],
      [await authority.issue({ commonName: 'bob' }), 'bob@acme'],
    ] as const) {
      await expect(curl(certificate, user, url)).rejects.toThrow(/Access denied|530/);
    }
    // Also with the right password: the certificate says that it is somebody else.
    const { cert, key } = files('bob', bobs);
    const args = ['-sS', '-k', '--cert', cert, '--key', key, '--user', `alice@acme:${login.password}`, url];
    await expect(run('curl', args)).rejects.toThrow(/Access denied|530/);
  });

  it('count no longer once their authority is taken out of the file, without a restart', async () => {
    const certificate = await authority.issue({ commonName: 'bob@acme' });
    const url = `ftps://127.0.0.1:${server.ports.ftps}/`;
    await curl(certificate, login.user, url);
    writeFileSync(join(folder, 'ca.pem'), (await testAuthority('Next')).cert);
    await eventually(async () => {
      for (let worker = 0; worker < 4; worker++) {
        await expect(curl(certificate, login.user, url)).rejects.toThrow(/Access denied|530/);
      }
    }, 20_000);
    writeFileSync(join(folder, 'ca.pem'), authority.cert);
    await eventually(() => curl(certificate, login.user, url), 20_000);
  });
});

/** The name in the certificate that the server shows for a server name. */
async function shown(servername: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: server.ports.ftps, servername, rejectUnauthorized: false });
  try {
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return socket.getPeerX509Certificate()!.fingerprint256;
  } finally {
    socket.destroy();
  }
}

async function fingerprint({ cert }: TestCertificate): Promise<string> {
  const { X509Certificate } = await import('node:crypto');
  return new X509Certificate(cert).fingerprint256;
}

describe('the certificate of a domain', () => {
  let own: TestCertificate;
  beforeAll(async () => {
    own = await testCertificate(HOST);
    await server.api.ok('POST', '/tenants/acme/domains', { domain: HOST, certificate: own.cert, privateKey: own.key });
  });

  it('is shown to who names it by SNI, explicit and implicit, and the listener’s to everybody else', async () => {
    await eventually(async () => expect(await shown(HOST)).toBe(await fingerprint(own)), 20_000);
    const listeners = await fingerprint({ cert: readFileSync(server.certificate, 'utf8'), key: '' });
    expect(await shown('ftp.umbrella.example')).toBe(listeners);
    expect(await shown('nobody.example')).toBe(listeners);
    if (!(await installed('openssl'))) return;
    const { cert } = files('domain', own);
    for (const [port, ...starttls] of [[server.ports.ftp, '-starttls', 'ftp'], [server.ports.ftps]] as const) {
      const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', HOST, '-CAfile', cert, ...starttls];
      const asked = run('openssl', [...args, '-verify_return_error', '-verify_hostname', HOST, '-brief']);
      asked.child.stdin?.end('QUIT\r\n');
      const { stdout, stderr } = await asked;
      expect(stdout + stderr).toMatch(/Verification: OK/);
    }
  });

  it('lets a client log in with the bare name, which its server name completes', async () => {
    const { cert } = files('domain', own);
    const source = join(folder, 'sni');
    writeFileSync(source, 'by server name');
    const resolve = [HOST, server.ports.ftps, '127.0.0.1'].join(':');
    const base = ['-sS', '--cacert', cert, '--resolve', resolve, '--user', `bob:${login.password}`];
    const url = `ftps://${HOST}:${server.ports.ftps}/sni`;
    await run('curl', [...base, '-T', source, url]);
    expect((await run('curl', [...base, url])).stdout).toBe('by server name');
    // The wrong tenant's name does not complete it.
    const wrong = `ftps://ftp.umbrella.example:${server.ports.ftps}/sni`;
    const there = ['ftp.umbrella.example', server.ports.ftps, '127.0.0.1'].join(':');
    await expect(
      run('curl', ['-sS', '-k', '--resolve', there, '--user', `bob:${login.password}`, wrong]),
    ).rejects.toThrow(/530|Access denied/);
  });

  it('goes with HOST: known 220, unknown 504, and one that differs from the server name 504', async () => {
    const clear = await RawControl.open(server.ports.ftp);
    expect(await clear.send('HOST nobody.example')).toMatch(/^504 /);
    expect(await clear.send('HOST ftp.acme.example:21')).toMatch(/^501 /);
    expect(await clear.send(`HOST ${HOST}`)).toMatch(/^220 /);
    expect(await clear.login('bob', login.password)).toMatch(/^230 /);
    expect(await clear.send(`HOST ${HOST}`)).toMatch(/^503 /);
    clear.destroy();
    const named = await RawControl.openTls(server.ports.ftps, HOST);
    expect(await named.send('HOST ftp.umbrella.example')).toMatch(/^504 /);
    expect(await named.send(`HOST ${HOST}`)).toMatch(/^220 /);
    expect(await named.login('bob', login.password)).toMatch(/^230 /);
    named.destroy();
    const unnamed = await RawControl.openTls(server.ports.ftps);
    expect(await unnamed.send(`HOST ${HOST}`)).toMatch(/^503 /);
    unnamed.destroy();
  });

  it('satisfies lftp, which sends HOST', async () => {
    if (!(await installed('lftp'))) return;
    const commands = [
      'set dns:order inet; set net:max-retries 1; set net:timeout 10; set cmd:fail-exit yes',
      'set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes',
      `open -u bob@acme,${login.password} ftp://127.0.0.1:${server.ports.ftp}`,
      'cls -1; bye',
    ].join('\n');
    const { stdout } = await run('lftp', ['-c', commands], { env: { PATH: process.env['PATH'], HOME: clientHome() } });
    expect(stdout).toContain('sni');
  });

  it('is replaced without a restart, while open sessions go on', async () => {
    const open = await RawControl.openTls(server.ports.ftps, HOST);
    const next = await renewed();
    await server.api.ok('PATCH', `/tenants/acme/domains/${HOST}`, { certificate: next.cert, privateKey: next.key });
    await eventually(async () => {
      // Every worker has it.
      for (let worker = 0; worker < 6; worker++) expect(await shown(HOST)).toBe(await fingerprint(next));
    }, 20_000);
    expect(await open.login('bob', login.password)).toMatch(/^230 /);
    open.destroy();
  });
});

/** Another certificate for the same name. */
async function renewed(): Promise<TestCertificate> {
  return testCertificate(HOST, `www.${HOST}`);
}
