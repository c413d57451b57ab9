import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FatalError } from '@quayside/supervisor';

/** The one running installation of a data folder. */
export interface DataLock {
  release(): void;
}

interface Owner {
  readonly pid: number;
  /** When that process began, in the kernel's words: a pid alone may long be another program's. Empty where unknown. */
  readonly began: string;
}

/** Takes the data folder for this process, or throws a {@link FatalError} that says who has it. */
export function lockDataDir(dataDir: string): DataLock {
  const file = join(dataDir, 'running.pid');
  const mine = `${file}.${process.pid}`;
  const owner: Owner = { pid: process.pid, began: beginOf(process.pid) ?? '' };
  const text = JSON.stringify(owner);
  writeFileSync(mine, text, { mode: 0o644 });
  try {
    // A link appears whole or not at all, and never over an existing name.
    for (let attempt = 0; !tryLink(mine, file); attempt += 1) {
      const present = readOwner(file);
      if (attempt === 5 || (present !== null && isRunning(present))) throw alreadyRunning(dataDir, present);
      takeAway(file, `${mine}.stale`);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return {
    release(): void {
      if (readFileSync(file, 'utf8') === text) rmSync(file, { force: true });
    },
  };
}

function alreadyRunning(dataDir: string, owner: Owner | null): FatalError {
  const who = owner === null ? '' : ` (pid ${owner.pid})`;
  return new FatalError(
    `Quayside is already running${who} with the data folder ${dataDir}. Stop it first, or set DATA_DIR to another folder.`,
  );
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a dead owner's lock aside. When a living one has come in between, its lock is put back. */
function takeAway(file: string, aside: string): void {
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const owner = readOwner(aside);
  if (owner !== null && isRunning(owner)) tryLink(aside, file);
  rmSync(aside, { force: true });
}

function readOwner(file: string): Owner | null {
  try {
    const { pid, began } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Owner>;
    return typeof pid === 'number' && typeof began === 'string' ? { pid, began } : null;
  } catch {
    return null;
  }
}

function isRunning({ pid, began }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs and belongs to another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return began === '' || (beginOf(pid) ?? began) === began;
}

/** Field 22 of /proc/<pid>/stat, counted after the name because that may hold spaces; null where there is no /proc. */
function beginOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
