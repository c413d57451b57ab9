import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Another live process owns the folder. */
export class SpoolLockedError extends Error {
  constructor(
    folder: string,
    readonly pid: number,
  ) {
    super(`The spool ${folder} is in use by process ${pid}`);
    this.name = 'SpoolLockedError';
  }
}

/** Keeps two processes off one spool folder; what a killed process left behind is taken over. */
export class SpoolLock {
  private constructor(private readonly path: string) {}

  /** Throws {@link SpoolLockedError} where the owner is alive. */
  static take(folder: string): SpoolLock {
    const path = join(folder, 'lock');
    const claim = join(folder, `lock.${process.pid}`);
    writeOwner(claim, processIdentity(process.pid));
    try {
      for (;;) {
        try {
          // link fails where the name is taken, and the lock is never seen half written.
          linkSync(claim, path);
          return new SpoolLock(path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
        breakStale(folder, path);
      }
    } finally {
      rmSync(claim, { force: true });
    }
  }

  release(): void {
    rmSync(this.path, { force: true });
  }
}

/** Whether a live process owns the folder. */
export function isSpoolLocked(folder: string): boolean {
  const owner = readOwner(join(folder, 'lock'));
  return owner !== null && processIdentity(pidOf(owner)) === owner;
}

function breakStale(folder: string, path: string): void {
  const owner = readOwner(path);
  if (owner === null) return;
  const pid = pidOf(owner);
  if (processIdentity(pid) === owner) throw new SpoolLockedError(folder, pid);
  const aside = join(folder, `lock.stale.${process.pid}`);
  try {
    // Rename lets one taker win; what it moved must still be the dead owner's.
    renameSync(path, aside);
    if (readOwner(aside) !== owner) linkSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * A process id together with when that process started, because ids are used again; the machine's boot is part of it.
 * Where /proc is missing, the id alone. Empty where there is no such process.
 */
function processIdentity(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22 (start time) counted from behind the command name, which may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return '';
    return `${pid} ${fields[19]} ${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`;
  } catch {
    try {
      process.kill(pid, 0);
      return `${pid}`;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM' ? `${pid}` : '';
    }
  }
}

function pidOf(owner: string): number {
  return Number.parseInt(owner, 10);
}

function readOwner(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function writeOwner(path: string, owner: string): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    writeSync(fd, owner);
  } finally {
    closeSync(fd);
  }
}
