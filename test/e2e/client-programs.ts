import { execFile, execFileSync, spawn } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Client, enterPassiveModeIPv4 } from 'basic-ftp';
import type { Login, Mode } from './clients.js';
import { clientHome, type RunningInstallation } from './installation.js';

const run = promisify(execFile);
const DEADLINE_MS = 60_000;
const PROGRAMS = join(import.meta.dirname, 'programs');
const COMMONS_NET = '/usr/share/java/commons-net.jar';

/** What a client is told to do; paths of the server are absolute. */
export type Operation =
  | readonly ['put' | 'resume-put', file: string, path: string]
  | readonly ['get' | 'resume-get', path: string, file: string]
  | readonly ['list', directory: string]
  | readonly ['rename', from: string, to: string]
  | readonly ['delete', path: string]
  | readonly ['mtime', path: string];

export interface Target {
  readonly server: RunningInstallation;
  readonly login: Login;
  readonly mode: Mode;
  /** For scripts and settings; removed by the caller. */
  readonly folder: string;
}

/** A program that people use. It fails when the program says so; what it prints holds lists and times. */
export interface ClientProgram {
  readonly name: string;
  readonly modes: readonly Mode[];
  /** Debian packages that bring it. */
  readonly packages: string;
  readonly installed: () => boolean;
  readonly cannot?: readonly Operation[0][];
  /** File names that the program itself spoils. */
  readonly refusesName?: (name: string) => boolean;
  readonly run: (target: Target, operations: readonly Operation[]) => Promise<string>;
}

const HOST = '127.0.0.1';

function portOf({ server, mode }: Target): number {
  return mode === 'implicit' ? server.ports.ftps : server.ports.ftp;
}

async function call(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { stdout } = await run(program, args, {
    timeout: DEADLINE_MS,
    env: { PATH: process.env['PATH'], HOME: clientHome(), LANG: 'C.UTF-8', ...env },
  });
  return stdout;
}

function has(program: string, ...args: readonly string[]): () => boolean {
  return () => {
    try {
      execFileSync(program, args, { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
}

async function inTurn(operations: readonly Operation[], one: (op: Operation) => Promise<string>): Promise<string> {
  let output = '';
  for (const operation of operations) output += await one(operation);
  return output;
}

function url(target: Target, path: string): string {
  const scheme = target.mode === 'implicit' ? 'ftps' : 'ftp';
  return `${scheme}://${HOST}:${portOf(target)}${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** A script of ours that takes its operations from a file. */
function scripted(program: string, ...before: readonly string[]): ClientProgram['run'] {
  return (target, operations) => {
    const { server, login, mode, folder } = target;
    const file = join(folder, 'operations');
    writeFileSync(file, operations.map((operation) => `${operation.join('\t')}\n`).join(''));
    const address = [HOST, String(portOf(target)), login.user, login.password];
    return call(program, [...before, mode, ...address, server.certificate, file]);
  };
}

const curl: ClientProgram = {
  name: 'curl',
  packages: 'curl',
  modes: ['plain', 'explicit', 'implicit'],
  installed: has('curl', '--version'),
  run: (target, operations) => {
    const { server, login, mode } = target;
    const tls =
      mode === 'plain' ? [] : ['--cacert', server.certificate, ...(mode === 'explicit' ? ['--ssl-reqd'] : [])];
    const base = ['-sS', '--fail', '--user', `${login.user}:${login.password}`, ...tls];
    return inTurn(operations, ([operation, first, second = '']) => {
      switch (operation) {
        case 'put':
          return call('curl', [...base, '-T', first, url(target, second)]);
        case 'resume-put':
          return call('curl', [...base, '-C', '-', '-T', first, url(target, second)]);
        case 'get':
          return call('curl', [...base, '-o', second, url(target, first)]);
        case 'resume-get':
          return call('curl', [...base, '-C', '-', '-o', second, url(target, first)]);
        case 'list':
          return call('curl', [...base, url(target, `${first}/`)]);
        case 'rename':
          return call('curl', [...base, '-Q', `RNFR ${first}`, '-Q', `RNTO ${second}`, url(target, '/')]);
        case 'delete':
          return call('curl', [...base, '-Q', `DELE ${first}`, url(target, '/')]);
        default:
          return call('curl', [...base, '-I', url(target, first)]);
      }
    });
  },
};

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

export function lftpCommands({ server, login, mode }: Target, commands: readonly string[], passive = true): string[] {
  const settings = [
    `set ftp:passive-mode ${passive}`,
    `set ssl:ca-file ${server.certificate}`,
    'set net:max-retries 1',
    'set net:timeout 20',
    'set cmd:fail-exit yes',
    mode === 'plain' ? 'set ftp:ssl-allow no' : 'set ftp:ssl-force yes; set ftp:ssl-protect-data yes',
  ];
  const port = mode === 'implicit' ? server.ports.ftps : server.ports.ftp;
  const open = `open -u ${login.user},${login.password} ${mode === 'implicit' ? 'ftps' : 'ftp'}://${HOST}:${port}`;
  return ['-c', [...settings, open, ...commands, 'bye'].join('\n')];
}

export const lftp: ClientProgram = {
  name: 'lftp',
  packages: 'lftp',
  modes: ['plain', 'explicit', 'implicit'],
  installed: has('lftp', '--version'),
  run: (target, operations) =>
    call(
      'lftp',
      lftpCommands(
        target,
        operations.map(([operation, first, second = '']) => {
          switch (operation) {
            case 'put':
              return `put ${quoted(first)} -o ${quoted(second)}`;
            case 'resume-put':
              return `put -c ${quoted(first)} -o ${quoted(second)}`;
            case 'get':
              return `get ${quoted(first)} -o ${quoted(second)}`;
            case 'resume-get':
              return `get -c ${quoted(first)} -o ${quoted(second)}`;
            case 'list':
              return `cls -1 ${quoted(`${first}/`)}`;
            case 'rename':
              return `mv ${quoted(first)} ${quoted(second)}`;
            case 'delete':
              return `rm ${quoted(first)}`;
            default:
              return `quote MDTM ${first}`;
          }
        }),
      ),
    ),
};

const wget: ClientProgram = {
  name: 'wget',
  packages: 'wget',
  modes: ['plain', 'explicit', 'implicit'],
  installed: has('wget', '--version'),
  cannot: ['put', 'resume-put', 'rename', 'delete', 'mtime'],
  run: (target, operations) => {
    const { server, login, mode } = target;
    const base = ['-nv', '--tries=1', '--timeout=20', `--user=${login.user}`, `--password=${login.password}`];
    if (mode !== 'plain') base.push(`--ca-certificate=${server.certificate}`);
    if (mode === 'implicit') base.push('--ftps-implicit');
    const from = (path: string): string =>
      `${mode === 'plain' ? 'ftp' : 'ftps'}://${HOST}:${portOf(target)}${path.split('/').map(encodeURIComponent).join('/')}`;
    return inTurn(operations, async ([operation, first, second = '']) => {
      if (operation === 'list') return call('wget', [...base, '-O', '-', from(`${first}/`)]);
      const resume = operation === 'resume-get' ? ['-c'] : [];
      return call('wget', [...base, ...resume, '-O', second, from(first)]);
    });
  },
};

export function rcloneCall(target: Target, ...args: readonly string[]): Promise<string> {
  const { login, mode, folder } = target;
  const obscured = execFileSync('rclone', ['obscure', login.password], { encoding: 'utf8' }).trim();
  return call('rclone', ['--config', join(folder, 'rclone.conf'), '--retries', '1', ...args], {
    TZ: 'UTC',
    RCLONE_FTP_HOST: HOST,
    RCLONE_FTP_PORT: String(portOf(target)),
    RCLONE_FTP_USER: login.user,
    RCLONE_FTP_PASS: obscured,
    RCLONE_FTP_EXPLICIT_TLS: String(mode === 'explicit'),
    RCLONE_FTP_TLS: String(mode === 'implicit'),
    RCLONE_FTP_NO_CHECK_CERTIFICATE: 'true',
  });
}

export const rclone: ClientProgram = {
  name: 'rclone',
  packages: 'rclone',
  modes: ['plain', 'explicit', 'implicit'],
  installed: has('rclone', 'version'),
  cannot: ['resume-put', 'resume-get'],
  run: (target, operations) =>
    inTurn(operations, ([operation, first, second = '']) => {
      switch (operation) {
        case 'put':
        case 'resume-put':
          return rcloneCall(target, 'copyto', first, `:ftp:${second}`);
        case 'get':
        case 'resume-get':
          return rcloneCall(target, 'copyto', `:ftp:${first}`, second);
        case 'list':
          return rcloneCall(target, 'lsf', `:ftp:${first}`);
        case 'rename':
          return rcloneCall(target, 'moveto', `:ftp:${first}`, `:ftp:${second}`);
        case 'delete':
          return rcloneCall(target, 'deletefile', `:ftp:${first}`);
        default:
          return rcloneCall(target, 'lsl', `:ftp:${first}`);
      }
    }),
};

const ncftp: ClientProgram = {
  name: 'ncftp',
  packages: 'ncftp',
  modes: ['plain'],
  installed: has('which', 'ncftpput'),
  cannot: ['rename', 'delete', 'mtime'],
  run: (target, operations) => {
    const { login, folder } = target;
    // Its command line takes no names that differ on both sides, so a renamed link stands in.
    const account = ['-u', login.user, '-p', login.password, '-P', String(portOf(target)), '-r', '1', '-t', '20'];
    return inTurn(operations, async ([operation, first, second = '']) => {
      if (operation === 'list') return call('ncftpls', [...account, '-1', `ftp://${HOST}${first}/`]);
      const upload = operation === 'put' || operation === 'resume-put';
      const [path, file] = upload ? [second, first] : [first, second];
      const local = join(folder, 'ncftp', basename(path));
      execFileSync('mkdir', ['-p', dirname(local)]);
      if (upload) {
        writeFileSync(local, readFileSync(file));
        // Without -s it sends the whole file again after its REST (3.2.6).
        const resume = operation === 'resume-put' ? ['-s', '-z'] : ['-Z'];
        return call('ncftpput', ['-V', ...resume, ...account, HOST, dirname(path), local]);
      }
      if (operation === 'resume-get') writeFileSync(local, readFileSync(file));
      const resume = operation === 'resume-get' ? ['-z'] : ['-Z'];
      await call('ncftpget', ['-V', ...resume, ...account, HOST, dirname(local), path]);
      writeFileSync(file, readFileSync(local));
      return '';
    });
  },
};

const tnftp: ClientProgram = {
  name: 'tnftp',
  packages: 'tnftp',
  modes: ['plain'],
  installed: has('which', 'tnftp'),
  cannot: ['resume-put'],
  // Its command line has no way to write a double quote.
  refusesName: (name) => name.includes('"'),
  run: (target, operations) => {
    const { login } = target;
    const lines = operations.map(([operation, first, second = '']) => {
      switch (operation) {
        case 'put':
        case 'resume-put':
          return `put ${quoted(first)} ${quoted(second)}`;
        case 'get':
          return `get ${quoted(first)} ${quoted(second)}`;
        case 'resume-get':
          return `reget ${quoted(first)} ${quoted(second)}`;
        case 'list':
          return `ls ${quoted(first)}\nmlsd ${quoted(first)}`;
        case 'rename':
          return `rename ${quoted(first)} ${quoted(second)}`;
        case 'delete':
          return `delete ${quoted(first)}`;
        default:
          return `quote MDTM ${first}`;
      }
    });
    const script = [
      `open ${HOST} ${portOf(target)}`,
      `user ${login.user} ${login.password}`,
      'binary',
      ...lines,
      'quit',
      '',
    ].join('\n');
    return piped('tnftp', ['-n', '-i', '-v', '-p'], script);
  },
};

/** A program that is spoken to; it reports failures in its output only. */
async function piped(program: string, args: readonly string[], input: string): Promise<string> {
  const child = spawn(program, args, { env: { PATH: process.env['PATH'], HOME: clientHome() }, timeout: DEADLINE_MS });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.end(input);
  await new Promise((resolve) => child.on('close', resolve));
  if (/^(?:[45]\d\d[ -]|ftp: |Not connected)/m.test(output)) throw new Error(output);
  return output;
}

const basicFtp: ClientProgram = {
  name: 'basic-ftp',
  packages: '',
  modes: ['plain', 'explicit', 'implicit'],
  installed: () => true,
  run: async ({ server, login, mode }, operations) => {
    const client = new Client(DEADLINE_MS);
    // The library's own choice is EPSV; PASV is the other half of what its users may set.
    if (mode === 'plain') client.prepareTransfer = enterPassiveModeIPv4;
    try {
      await client.access({
        host: HOST,
        port: mode === 'implicit' ? server.ports.ftps : server.ports.ftp,
        ...login,
        secure: mode === 'plain' ? false : mode === 'implicit' ? 'implicit' : true,
        secureOptions: { ca: readFileSync(server.certificate) },
      });
      return await inTurn(operations, ([operation, first, second = '']) =>
        basicFtpOperation(client, operation, first, second),
      );
    } finally {
      client.close();
    }
  },
};

async function basicFtpOperation(
  client: Client,
  operation: Operation[0],
  first: string,
  second: string,
): Promise<string> {
  switch (operation) {
    case 'put':
      await client.uploadFrom(first, second);
      return '';
    case 'resume-put':
      await client.appendFrom(first, second, { localStart: await client.size(second) });
      return '';
    case 'get':
      await client.downloadTo(second, first);
      return '';
    case 'resume-get':
      await client.downloadTo(second, first, statSync(second).size);
      return '';
    case 'list':
      return (await client.list(first)).map(({ name }) => `${name}\n`).join('');
    case 'rename':
      await client.rename(first, second);
      return '';
    case 'delete':
      await client.remove(first);
      return '';
    default:
      return (await client.lastMod(first)).toISOString().replaceAll(/[-:T]|\..*/g, '');
  }
}

const ftplib: ClientProgram = {
  name: 'Python ftplib',
  packages: 'python3',
  modes: ['plain', 'explicit', 'implicit'],
  installed: has('python3', '-c', 'import ftplib, ssl'),
  run: scripted('python3', join(PROGRAMS, 'ftplib_client.py')),
};

const netFtp: ClientProgram = {
  name: 'Perl Net::FTP',
  packages: 'perl libio-socket-ssl-perl',
  modes: ['plain', 'explicit', 'implicit'],
  installed: has('perl', '-MNet::FTP', '-MIO::Socket::SSL', '-e', '1'),
  run: scripted('perl', join(PROGRAMS, 'net_ftp_client.pl')),
};

const php: ClientProgram = {
  name: 'PHP ftp',
  packages: 'php-cli',
  // ftp_ssl_connect speaks AUTH TLS only.
  modes: ['plain', 'explicit'],
  installed: has('php', '-r', 'exit(function_exists("ftp_ssl_connect") ? 0 : 1);'),
  run: scripted('php', join(PROGRAMS, 'php_ftp_client.php')),
};

const commonsNet: ClientProgram = {
  name: 'Java commons-net',
  packages: 'default-jdk-headless libcommons-net-java',
  modes: ['plain', 'explicit', 'implicit'],
  installed: () => has('javac', '-J-XX:-UsePerfData', '-version')() && has('test', '-r', COMMONS_NET)(),
  run: scripted(
    'java',
    '-XX:+UseSerialGC',
    '-XX:-UsePerfData',
    '-cp',
    COMMONS_NET,
    join(PROGRAMS, 'CommonsNetClient.java'),
  ),
};

export const CLIENT_PROGRAMS: readonly ClientProgram[] = [
  curl,
  lftp,
  wget,
  rclone,
  ncftp,
  tnftp,
  ftplib,
  basicFtp,
  netFtp,
  php,
  commonsNet,
];
