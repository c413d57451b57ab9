import type { SystemPath } from '@quayside/native';

/** A look at a name may take a folder for there that was there this long ago; the publish finds out in any case. */
const TRUSTED_MS = 1000;
const MOST = 256;

/** Counts the folders that this process took away: a folder has other paths in other roots of its space. */
let removals = 0;

/** Folders of one tree that were there a moment ago. */
export class SeenFolders {
  readonly #seenAtMs = new Map<string, number>();
  #removals = removals;

  /** After a folder was removed or got another name. */
  static forgetAll(): void {
    removals++;
  }

  has(folder: SystemPath): boolean {
    if (folder.length === 0) return true;
    if (typeof folder !== 'string' || this.#removals !== removals) return false;
    const seenAtMs = this.#seenAtMs.get(folder);
    return seenAtMs !== undefined && performance.now() - seenAtMs < TRUSTED_MS;
  }

  add(folder: SystemPath): void {
    if (typeof folder !== 'string') return;
    if (this.#removals !== removals || this.#seenAtMs.size >= MOST) {
      this.#removals = removals;
      this.#seenAtMs.clear();
    }
    this.#seenAtMs.set(folder, performance.now());
  }
}
