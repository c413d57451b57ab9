import { rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Log } from '@quayside/ftp-engine';

/** Spaces that the API has marked for removal; SpaceRepository is one. */
export interface RemovedSpaces {
  listRemoved(limit: number): Promise<readonly { readonly id: string; readonly root: string }[]>;
  forgetRemoved(id: string): Promise<void>;
}

const AT_ONCE = 20;

/**
 * Deletes the files of spaces whose account was deleted with them. A crash between the files and the row repeats the
 * step, which is safe: a marked space is in nobody's view any more.
 */
export class SpaceRemoval {
  private running: Promise<void> | null = null;
  private again = false;

  constructor(
    private readonly spaces: RemovedSpaces,
    private readonly storageRoot: string,
    private readonly log: Log,
  ) {}

  /** Removes what is marked now; a call while one runs makes it look once more. */
  run(): Promise<void> {
    if (this.running !== null) this.again = true;
    else this.running = this.removeAll().finally(() => (this.running = null));
    return this.running;
  }

  private async removeAll(): Promise<void> {
    try {
      do {
        this.again = false;
        const marked = await this.spaces.listRemoved(AT_ONCE);
        for (const space of marked) await this.remove(space);
        if (marked.length === AT_ONCE) this.again = true;
      } while (this.again);
    } catch (error) {
      this.log.warn('the files of a removed space could not be deleted; they are tried again', {
        error: String(error),
      });
    }
  }

  private async remove({ id, root }: { readonly id: string; readonly root: string }): Promise<void> {
    const folder = join(this.storageRoot, root);
    const inside = relative(this.storageRoot, folder);
    if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`)) {
      throw new Error(`the space ${id} has no folder of its own below the storage root`);
    }
    await rm(folder, { recursive: true, force: true });
    await this.spaces.forgetRemoved(id);
    this.log.info('the files of a removed space are deleted', { spaceId: id });
  }
}
