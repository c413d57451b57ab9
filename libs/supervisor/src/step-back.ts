import { constants, getPriority, setPriority } from 'node:os';

/**
 * Puts a process that was just started, with all that it will start, some steps behind this one where processors are
 * short. Where the operating system does not allow it, the process runs like any other.
 */
export function stepBack(pid: number | undefined, steps: number): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, Math.min(constants.priority.PRIORITY_LOW, getPriority() + steps));
  } catch {
    // It is gone already, or belongs to another user whom this one may not slow down.
  }
}
