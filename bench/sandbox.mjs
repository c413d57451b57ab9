import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Set inside, so that the second start knows that it is there. */
const MARK = 'QUAYSIDE_BENCH_INSIDE';
/** The anonymous user that vsftpd, pure-ftpd and proftpd look up; inside only. */
export const PEER_USER = { name: 'ftp', uid: 21021, gid: 21021 };

export function isInside() {
  return process.env[MARK] !== undefined;
}

/** Whether the sandbox could be made: its own network and its own user list. */
export function isIsolated() {
  return process.env[MARK] === 'isolated';
}

/**
 * Runs this program again in a network namespace of its own, where all ports are free, nothing but loopback exists and
 * congestion control is cubic: a machine set to BBR paces even loopback and measures that instead of the servers. The
 * user that the peers want exists only in there. Without root it runs where it is, and the results say so.
 */
export async function runInside(scratch, script, args) {
  const isolated = process.getuid?.() === 0;
  const enter = isolated ? ['unshare', '-n', '-m', '/bin/bash', '-c', prelude(scratch), 'bash'] : [];
  const [command, ...rest] = [...enter, process.execPath, script, ...args];
  const child = spawn(command, rest, {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: isolated ? 'isolated' : 'open', QUAYSIDE_BENCH_SCRATCH: scratch },
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function prelude(scratch) {
  const { name, uid, gid } = PEER_USER;
  const passwd = join(scratch, 'passwd');
  const group = join(scratch, 'group');
  writeFileSync(
    passwd,
    `${without(name, '/etc/passwd')}${name}:x:${uid}:${gid}::${join(scratch, 'files')}:/bin/false\n`,
  );
  writeFileSync(group, `${without(name, '/etc/group')}${name}:x:${gid}:\n`);
  return `
    ip link set lo up
    for range in 127.0.0.0/8 127.0.0.1; do
      ip route replace local $range dev lo table local proto kernel scope host src 127.0.0.1 congctl cubic
    done || echo 'bench: congestion control of loopback could not be set' >&2
    sysctl -qw net.ipv4.ip_local_port_range='32768 60999'
    mount --bind ${passwd} /etc/passwd
    mount --bind ${group} /etc/group
    ulimit -n 20000
    exec "$@"`;
}

function without(name, file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(`${name}:`))
    .map((line) => `${line}\n`)
    .join('');
}
