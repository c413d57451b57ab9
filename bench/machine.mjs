import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

const TICKS_PER_SECOND = 100;

/** What the figures were measured on. */
export function describeMachine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
    node: process.version,
    openssl: process.versions.openssl,
    congestionControl: congestionControl(),
    commit: quietly('git', ['rev-parse', '--short', 'HEAD']),
  };
}

/** Seconds that all cores together have been busy since the start, whoever kept them so. */
export function busySeconds() {
  const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
}

export function load() {
  return Number(loadavg()[0].toFixed(2));
}

/** What loopback connections use: its route's, else the system's. */
function congestionControl() {
  const route = quietly('ip', ['route', 'show', 'table', 'local', '127.0.0.0/8']);
  const ofRoute = /congctl (\w+)/.exec(route ?? '')?.[1];
  return ofRoute ?? readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
}

/** What a program prints; null where it fails. */
function quietly(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return null;
  }
}
