import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { RawFtpClient } from '@quayside/testing';
import type { Mode } from './clients.js';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';

jest.setTimeout(120_000);

const run = promisify(execFile);
const login = { user: 'alice@acme', password: 'correct-horse-battery' };
const content = randomBytes(3_000_001);
/** The server is at 127.0.0.1; the balancer has the same ports at an address for each version of the header. */
const VERSIONS = [
  { version: 'v1', option: 'send-proxy', address: '127.0.0.2' },
  { version: 'v2', option: 'send-proxy-v2', address: '127.0.0.3' },
] as const;
/** Where the client programs come from, as the balancer sees them. */
const CLIENT = '127.0.0.9';

function has(program: string, option: string): boolean {
  try {
    execFileSync(program, [option], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const missing = [
  ['haproxy', '-v'],
  ['curl', '--version'],
  ['lftp', '--version'],
].flatMap(([program = '', option = '']) => (has(program, option) ? [] : [program]));

function configuration(ports: RunningInstallation['ports']): string {
  const listeners = VERSIONS.flatMap(({ version, option, address }) => [
    `listen ${version}`,
    ...[ports.ftp, ports.ftps, ports.passive].map((port) => `  bind ${address}:${port}`),
    // Without a port the server is dialled at the port that the client dialled.
    `  server quayside 127.0.0.1 ${option}`,
  ]);
  const timeouts = ['connect', 'client', 'server'].map((kind) => `  timeout ${kind} 60s`);
  return ['defaults', '  mode tcp', ...timeouts, ...listeners, ''].join('\n');
}

let server: RunningInstallation;
let balancer: ChildProcess;
let folder: string;

async function setUp(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'quayside-e2e-proxy-'));
  server = await startInstallation({ env: { FTP_PROXY_TRUSTED: '127.0.0.1' } });
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  await server.api.ok('POST', '/tenants/acme/accounts', { username: 'alice', password: login.password });
  writeFileSync(join(folder, 'haproxy.cfg'), configuration(server.ports));
  writeFileSync(join(folder, 'source'), content);
  balancer = spawn('haproxy', ['-db', '-q', '-f', join(folder, 'haproxy.cfg')], { stdio: 'ignore' });
  for (const { address } of VERSIONS) {
    await eventually(async () => {
      const probe = connect(server.ports.ftp, address);
      await once(probe, 'connect');
      probe.destroy();
    }, 20_000);
  }
}

async function tearDown(): Promise<void> {
  if (balancer?.exitCode === null) {
    const ended = once(balancer, 'exit');
    balancer.kill('SIGKILL');
    await ended;
  }
  await server?.stop();
  removeDataDirs();
  rmSync(folder, { recursive: true, force: true });
}

interface Way {
  readonly address: string;
  readonly mode: Mode;
}
type Program = (way: Way, action: 'put' | 'get', path: string, file: string) => Promise<unknown>;

const portOf = (mode: Mode): number => (mode === 'implicit' ? server.ports.ftps : server.ports.ftp);
const schemeOf = (mode: Mode): string => (mode === 'implicit' ? 'ftps' : 'ftp');

/** `how` chooses between PASV, whose reply names the balancer's address, and EPSV. */
const curl =
  (how: '--disable-epsv' | '--ftp-skip-pasv-ip'): Program =>
  ({ address, mode }, action, path, file) => {
    const options = ['-q', '-sS', '--fail', '--max-time', '60', '--insecure', '--interface', CLIENT, how];
    if (mode === 'explicit') options.push('--ssl-reqd');
    const url = `${schemeOf(mode)}://${address}:${portOf(mode)}${path}`;
    const files = [action === 'put' ? '-T' : '-o', file];
    return run('curl', [...options, '--user', `${login.user}:${login.password}`, ...files, url]);
  };

const lftp: Program = ({ address, mode }, action, path, file) =>
  run('lftp', [
    '--norc',
    '-c',
    [
      `set net:socket-bind-ipv4 ${CLIENT}`,
      'set net:max-retries 1',
      'set net:timeout 20',
      'set cmd:fail-exit yes',
      'set ssl:verify-certificate no',
      mode === 'plain' ? 'set ftp:ssl-allow no' : 'set ftp:ssl-force yes; set ftp:ssl-protect-data yes',
      `open -u ${login.user},${login.password} ${schemeOf(mode)}://${address}:${portOf(mode)}`,
      action === 'put' ? `put ${file} -o ${path}` : `get ${path} -o ${file}`,
      'bye',
    ].join('\n'),
  ]);

const PROGRAMS: readonly (readonly [string, Program])[] = [
  ['curl, PASV', curl('--disable-epsv')],
  ['curl, EPSV', curl('--ftp-skip-pasv-ip')],
  ['lftp', lftp],
];
const CASES = VERSIONS.flatMap(({ version, address }) =>
  PROGRAMS.flatMap(([name, program]) =>
    (['plain', 'explicit', 'implicit'] as const).map((mode) => ({ version, address, name, program, mode })),
  ),
);

// What this machine does not have is left out by name, not in silence.
if (missing.length > 0) it.todo(`behind haproxy: needs ${missing.join(', ')}`);
else
  describe('behind haproxy, which sends the PROXY protocol', () => {
    beforeAll(setUp);
    afterAll(tearDown);

    it.each(CASES)(
      '$version: $name uploads and downloads, $mode',
      async ({ version, address, name, program, mode }) => {
        const path = `/${version}-${name}-${mode}.bin`.replaceAll(/[ ,]/g, '');
        const way = { address, mode };
        await program(way, 'put', path, join(folder, 'source'));
        const fetched = join(folder, path);
        await program(way, 'get', path, fetched);
        expect(readFileSync(fetched).equals(content)).toBe(true);
        const rows = await eventually(async () => {
          const found = await server.api.transfers('acme', { path });
          expect(found).toHaveLength(2);
          return found;
        }, 20_000);
        const protocol = mode === 'plain' ? 'ftp' : 'ftps';
        for (const row of rows) expect(row).toMatchObject({ outcome: 'completed', remoteAddress: CLIENT, protocol });
      },
    );

    it('answers PASV with the address that the client dialled', async () => {
      for (const { address } of VERSIONS) {
        const client = await RawFtpClient.connect(server.ports.ftp, address);
        expect((await client.reply()).code).toBe(220);
        await client.expect(`USER ${login.user}`, 331);
        await client.expect(`PASS ${login.password}`, 230);
        expect((await client.expect('PASV', 227)).text).toContain(`(${address.replaceAll('.', ',')},`);
        client.close();
      }
    });

    it('takes nobody from the balancer’s address without a header', async () => {
      const socket = connect(server.ports.ftp, '127.0.0.1');
      socket.on('error', () => {});
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.write(`USER ${login.user}\r\n`);
      await once(socket, 'close');
      expect(text).toBe('');
    });
  });
