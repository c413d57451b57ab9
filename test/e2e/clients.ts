import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { Client } from 'basic-ftp';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientHome, type RunningInstallation } from './installation.js';

const run = promisify(execFile);
const CLIENT_DEADLINE_MS = 60_000;

export type Mode = 'plain' | 'explicit' | 'implicit';

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** A program that people use, doing one upload or one download; it fails when the program says so. */
export interface FtpClientProgram {
  readonly name: string;
  readonly modes: readonly Mode[];
  readonly installed: boolean;
  put(server: RunningInstallation, login: Login, mode: Mode, file: string, path: string): Promise<unknown>;
  get(server: RunningInstallation, login: Login, mode: Mode, path: string, file: string): Promise<unknown>;
}

const port = (server: RunningInstallation, mode: Mode): number =>
  mode === 'implicit' ? server.ports.ftps : server.ports.ftp;

function call(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ stdout: string }> {
  return run(program, args, {
    timeout: CLIENT_DEADLINE_MS,
    env: { PATH: process.env['PATH'], HOME: clientHome(), ...env },
  });
}

function has(program: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export function curlArgs(server: RunningInstallation, login: Login, mode: Mode): string[] {
  const tls = mode === 'plain' ? [] : ['--cacert', server.certificate, ...(mode === 'explicit' ? ['--ssl-reqd'] : [])];
  return ['-sS', '--fail', '--user', `${login.user}:${login.password}`, ...tls];
}

export function curlUrl(server: RunningInstallation, mode: Mode, path: string): string {
  return `${mode === 'implicit' ? 'ftps' : 'ftp'}://127.0.0.1:${port(server, mode)}${path}`;
}

const curl: FtpClientProgram = {
  name: 'curl',
  modes: ['plain', 'explicit', 'implicit'],
  installed: has('curl', '--version'),
  put: (server, login, mode, file, path) =>
    call('curl', [...curlArgs(server, login, mode), '-T', file, curlUrl(server, mode, path)]),
  get: (server, login, mode, path, file) =>
    call('curl', [...curlArgs(server, login, mode), '-o', file, curlUrl(server, mode, path)]),
};

async function withBasicFtp(
  server: RunningInstallation,
  login: Login,
  mode: Mode,
  work: (client: Client) => Promise<unknown>,
): Promise<void> {
  const client = new Client(CLIENT_DEADLINE_MS);
  try {
    await client.access({
      host: '127.0.0.1',
      port: port(server, mode),
      ...login,
      secure: mode === 'plain' ? false : mode === 'implicit' ? 'implicit' : true,
      secureOptions: { ca: readFileSync(server.certificate) },
    });
    await work(client);
  } finally {
    client.close();
  }
}

const basicFtp: FtpClientProgram = {
  name: 'basic-ftp',
  modes: ['plain', 'explicit', 'implicit'],
  installed: true,
  put: (server, login, mode, file, path) =>
    withBasicFtp(server, login, mode, (client) => client.uploadFrom(file, path)),
  get: (server, login, mode, path, file) =>
    withBasicFtp(server, login, mode, (client) => client.downloadTo(file, path)),
};

/** Python's FTP_TLS knows no implicit TLS. */
const FTPLIB = `
import ftplib, ssl, sys
action, host, port, user, password, certificate, path, file = sys.argv[1:]
ftp = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=certificate)) if certificate else ftplib.FTP()
ftp.connect(host, int(port), timeout=60)
ftp.login(user, password)
if certificate:
    ftp.prot_p()
if action == 'put':
    with open(file, 'rb') as source:
        print(ftp.storbinary('STOR ' + path, source))
else:
    with open(file, 'wb') as target:
        print(ftp.retrbinary('RETR ' + path, target.write))
ftp.quit()
`;

function ftplib(action: string, server: RunningInstallation, login: Login, mode: Mode, path: string, file: string) {
  const certificate = mode === 'plain' ? '' : server.certificate;
  const address = ['127.0.0.1', String(server.ports.ftp), login.user, login.password];
  return call('python3', ['-c', FTPLIB, action, ...address, certificate, path, file]);
}

const python: FtpClientProgram = {
  name: 'Python ftplib',
  modes: ['plain', 'explicit'],
  installed: has('python3', '-c', 'import ftplib, ssl'),
  put: (server, login, mode, file, path) => ftplib('put', server, login, mode, path, file),
  get: (server, login, mode, path, file) => ftplib('get', server, login, mode, path, file),
};

export function lftpScript(server: RunningInstallation, login: Login, mode: Mode, command: string): string[] {
  const tls = [
    `set ssl:ca-file ${server.certificate}`,
    'set net:max-retries 1',
    'set net:timeout 20',
    'set cmd:fail-exit yes',
    mode === 'plain' ? 'set ftp:ssl-allow no' : 'set ftp:ssl-force yes; set ftp:ssl-protect-data yes',
  ];
  const scheme = mode === 'implicit' ? 'ftps' : 'ftp';
  const open = `open -u ${login.user},${login.password} ${scheme}://127.0.0.1:${port(server, mode)}`;
  return ['-c', [...tls, open, command, 'bye'].join('; ')];
}

const lftp: FtpClientProgram = {
  name: 'lftp',
  modes: ['plain', 'explicit', 'implicit'],
  installed: has('lftp', '--version'),
  put: (server, login, mode, file, path) => call('lftp', lftpScript(server, login, mode, `put ${file} -o ${path}`)),
  get: (server, login, mode, path, file) => call('lftp', lftpScript(server, login, mode, `get ${path} -o ${file}`)),
};

function rcloneCall(server: RunningInstallation, login: Login, mode: Mode, from: string, to: string) {
  const obscured = execFileSync('rclone', ['obscure', login.password], { encoding: 'utf8' }).trim();
  return call('rclone', ['--config', join(clientHome(), 'no-rclone.conf'), '--retries', '1', 'copyto', from, to], {
    RCLONE_FTP_HOST: '127.0.0.1',
    RCLONE_FTP_PORT: String(port(server, mode)),
    RCLONE_FTP_USER: login.user,
    RCLONE_FTP_PASS: obscured,
    RCLONE_FTP_EXPLICIT_TLS: String(mode === 'explicit'),
    RCLONE_FTP_TLS: String(mode === 'implicit'),
    RCLONE_FTP_NO_CHECK_CERTIFICATE: 'true',
  });
}

const rclone: FtpClientProgram = {
  name: 'rclone',
  modes: ['plain', 'explicit', 'implicit'],
  installed: has('rclone', 'version'),
  put: (server, login, mode, file, path) => rcloneCall(server, login, mode, file, `:ftp:${path}`),
  get: (server, login, mode, path, file) => rcloneCall(server, login, mode, `:ftp:${path}`, file),
};

export const CLIENTS: readonly FtpClientProgram[] = [curl, basicFtp, python, lftp, rclone];
