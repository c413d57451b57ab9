import { fileURLToPath } from 'node:url';
import type { Config } from '@quayside/config';
import { type ChildSpec, GLIBC_SETTINGS, WORKER_NODE_OPTIONS } from '@quayside/supervisor';

/** What a worker may take to come up: it waits for the database and replays its spool first. */
const READY_DEADLINE_MS = 60_000;
/** Beyond the drain: settling the spool and closing. */
const STOP_MARGIN_MS = 10_000;

/**
 * One child per worker slot. All listen on the same ports (SO_REUSEPORT: the kernel spreads the connections), each has
 * its part of the passive range and a spool of its own.
 */
export function workerSpecs(config: Config, env: NodeJS.ProcessEnv): ChildSpec[] {
  const script = fileURLToPath(new URL('worker-process.js', import.meta.url));
  return Array.from({ length: config.ftp.workers }, (_, slot) => ({
    role: `ftp-worker-${slot}`,
    script,
    nodeOptions: WORKER_NODE_OPTIONS,
    env: { ...GLIBC_SETTINGS, ...env, WORKER_SLOT: String(slot), WORKER_COUNT: String(config.ftp.workers) },
    readyDeadlineMs: READY_DEADLINE_MS,
    stopDeadlineMs: config.ftp.drainTimeoutMs + STOP_MARGIN_MS,
  }));
}
