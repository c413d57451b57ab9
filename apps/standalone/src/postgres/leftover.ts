import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FatalError } from '@quayside/supervisor';

const PATIENCE_MS = 15_000;

/**
 * Ends a server that an installation which was killed has left on this cluster. Its pid file is trusted only as far
 * as the process says itself that it works in this folder.
 */
export async function stopLeftoverServer(folder: string): Promise<boolean> {
  const pid = serverPid(folder);
  if (pid === null || !isServerOf(pid, folder)) return false;
  // SIGINT: "fast shutdown", which rolls back what is open and writes a checkpoint.
  process.kill(pid, 'SIGINT');
  const until = performance.now() + PATIENCE_MS;
  // It is not our child: nothing tells us when it is gone.
  while (isServerOf(pid, folder)) {
    if (performance.now() > until) {
      throw new FatalError(
        `A PostgreSQL server (pid ${pid}) still runs in ${folder} and does not stop. Stop it first.`,
      );
    }
    await sleep(50);
  }
  return true;
}

/** The first line of postmaster.pid; null where there is none. */
export function serverPid(folder: string): number | null {
  try {
    const pid = Number(readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

function isServerOf(pid: number, folder: string): boolean {
  try {
    return realpathSync(`/proc/${pid}/cwd`) === realpathSync(folder);
  } catch {
    return false;
  }
}
