import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const V1 = '/sys/fs/cgroup/cpuacct';
const V1_CPU = '/sys/fs/cgroup/cpu';
const V2 = '/sys/fs/cgroup';
/** Of a run that is to be disturbed as little as possible by whatever else the machine does. */
const WEIGHT_V1 = '262144';
const WEIGHT_V2 = '10000';
const TICKS_PER_SECOND = 100;

/**
 * A server with all its processes: pinned to a core, measured and ended together. A control group counts the CPU time
 * of children that are gone as well; without the right to make one, the process table has to do, which misses those.
 */
export class ProcessGroup {
  /** @param {string} name @param {{ core: number }} options */
  constructor(name, { core }) {
    this.name = name;
    this.core = core;
    this.folders = makeFolders(name);
    this.leader = null;
  }

  /** Starts a program in the group. The environment is only what is given. */
  spawn(command, args, { env, cwd, stdio = ['ignore', 'pipe', 'pipe'] } = {}) {
    const enter = this.folders.map((folder) => `echo $$ > ${folder}/cgroup.procs`).join('; ');
    const priority = process.getuid?.() === 0 ? 'nice -n -20' : '';
    const script = `${enter || ':'}; exec ${priority} taskset -c ${this.core} "$@"`;
    const child = spawn('/bin/bash', ['-c', script, 'bash', command, ...args], { env, cwd, stdio });
    this.leader ??= child;
    return child;
  }

  /** Of all living processes. */
  pids() {
    if (this.folders.length > 0) {
      return readFileSync(join(this.folders[0], 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    }
    return this.leader?.pid === undefined ? [] : descendants(this.leader.pid);
  }

  cpuSeconds() {
    const folder = this.folders[0];
    if (folder === undefined) return this.pids().reduce((sum, pid) => sum + cpuOfProcess(pid), 0);
    if (folder.startsWith(V1)) return Number(readFileSync(join(folder, 'cpuacct.usage'), 'utf8')) / 1e9;
    return Number(/usage_usec (\d+)/.exec(readFileSync(join(folder, 'cpu.stat'), 'utf8'))?.[1]) / 1e6;
  }

  /** Proportional set size of every process, in KiB: shared pages are counted once over all who share them. */
  memory() {
    const processes = this.pids().flatMap((pid) => {
      const kib = pssOf(pid);
      return kib === null ? [] : [{ pid, command: commandOf(pid), kib }];
    });
    return { kib: processes.reduce((sum, { kib }) => sum + kib, 0), processes };
  }

  /** Ends what the group still has: asked first, then ended. */
  async end({ graceMs = 2000 } = {}) {
    for (const signal of ['SIGTERM', 'SIGKILL']) {
      for (const pid of this.pids()) tryKill(pid, signal);
      const until = Date.now() + graceMs;
      while (this.pids().length > 0 && Date.now() < until) await sleep(20);
    }
    this.leader = null;
  }

  remove() {
    for (const folder of this.folders) {
      try {
        rmdirSync(folder);
      } catch {
        // A zombie of a peer holds it a little longer; it is empty and costs nothing.
      }
    }
  }
}

function makeFolders(name) {
  const roots = existsSync(V1) ? [V1, V1_CPU] : [V2];
  const folders = [];
  for (const root of roots) {
    const parent = join(root, `quayside-bench-${process.pid}`);
    const folder = join(parent, name);
    try {
      mkdirSync(folder, { recursive: true });
    } catch {
      return [];
    }
    for (const at of [parent, folder]) {
      tryWrite(join(at, 'cpu.shares'), WEIGHT_V1);
      tryWrite(join(at, 'cpu.weight'), WEIGHT_V2);
    }
    folders.push(folder);
  }
  return folders;
}

/** The parents of all groups of this run. */
export function removeGroupParents() {
  for (const root of [V1, V1_CPU, V2]) {
    try {
      rmdirSync(join(root, `quayside-bench-${process.pid}`));
    } catch {
      // Not there, or not empty yet.
    }
  }
}

function descendants(root) {
  const childrenOf = new Map();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = Number(statOf(Number(entry))?.[1] ?? -1);
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(entry)]);
  }
  const found = [];
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    found.push(pid);
    open.push(...(childrenOf.get(pid) ?? []));
  }
  return found;
}

/** The fields of /proc/PID/stat after the name: state, parent, …; null where it is gone. */
function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** User, system, and those of its children that were waited for. */
function cpuOfProcess(pid) {
  const fields = statOf(pid)?.slice(11, 15).map(Number) ?? [];
  return fields.reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SECOND;
}

function pssOf(pid) {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  } catch {
    return null;
  }
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

function tryKill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It was faster.
  }
}

function tryWrite(file, text) {
  try {
    writeFileSync(file, text);
  } catch {
    // The other version of control groups, or a controller that is not enabled here.
  }
}

export function sleep(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
