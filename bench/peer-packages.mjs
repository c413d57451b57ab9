import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** Debian's packages of the peers and of the libraries that they need. Three of them exclude each other when installed. */
const PACKAGES = {
  vsftpd: ['vsftpd', 'libwrap0'],
  'pure-ftpd': ['pure-ftpd', 'libsodium23'],
  proftpd: [
    'proftpd-core',
    'proftpd-mod-crypto',
    'libhashkit2',
    'libhiredis0.14',
    'libmemcached11',
    'libmemcachedutil2',
    'libpcre2-posix3',
    'libsodium23',
  ],
};

/**
 * Where a peer is: on PATH, or unpacked into the cache (nothing is installed). Null where it can be had in neither way;
 * `why` says so then.
 */
export function locatePeer(name, program) {
  const installed = onPath(program);
  if (installed !== null) return { program: installed, libraries: null, folder: null, why: null };
  const folder = join(cacheFolder(), name);
  try {
    if (!existsSync(folder)) unpack(PACKAGES[name], folder);
  } catch (error) {
    const reason = String(error.stderr ?? error.message)
      .trim()
      .split('\n')
      .at(-1);
    return { program: null, libraries: null, folder: null, why: `apt-get download ${PACKAGES[name][0]}: ${reason}` };
  }
  return { program: join(folder, 'usr/sbin', program), libraries: libraryFolder(folder), folder, why: null };
}

/** The modules of proftpd and of its TLS package in one folder. */
export function proftpdModules({ folder }) {
  return folder === null ? '/usr/lib/proftpd' : join(folder, 'usr/lib/proftpd');
}

function cacheFolder() {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'quayside-bench/peers');
}

function onPath(program) {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  const found = folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
  return found ?? null;
}

function unpack(packages, folder) {
  mkdirSync(dirname(folder), { recursive: true });
  const temporary = mkdtempSync(`${folder}-`);
  try {
    execFileSync('apt-get', ['download', ...packages], { cwd: temporary, stdio: 'pipe' });
    const archives = readdirSync(temporary).filter((name) => name.endsWith('.deb'));
    for (const archive of archives) {
      execFileSync('dpkg', ['-x', archive, 'unpacked'], { cwd: temporary, stdio: 'pipe' });
    }
    renameSync(join(temporary, 'unpacked'), folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function libraryFolder(folder) {
  const root = join(folder, 'usr/lib');
  const triplet = existsSync(root) ? readdirSync(root).find((name) => name.includes('-linux-gnu')) : undefined;
  return triplet === undefined ? null : join(root, triplet);
}
