import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isSpoolLocked } from './spool-lock.js';

/**
 * Spool folders of slots that this node no longer has (`FTP_WORKERS` was lowered) and no live process owns. Slot 0
 * recovers and drains each, then calls {@link dropLeftover}.
 */
export function leftoverSpools(root: string, slots: number): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^\d+$/.test(entry.name) && Number(entry.name) >= slots)
    .map((entry) => join(root, entry.name))
    .filter((folder) => !isSpoolLocked(folder));
}

/** Remove the folder of a closed, fully drained spool. Throws where records are left in it. */
export function dropLeftover(folder: string): void {
  const left = readdirSync(folder).filter((name) => name.endsWith('.log'));
  if (left.length > 0) throw new Error(`The spool ${folder} still holds records`);
  rmSync(folder, { recursive: true, force: true });
}
