import { DomainError, nameOf, type VirtualPath } from '@quayside/domain';
import { errorCode, type FileFacts, type RootedFolder, type SystemPath } from '@quayside/native';
import type { Moved, MoveOptions, TreeSize } from '../storage-backend.js';
import { requireFile } from './local-entry.js';
import { type LocalSpace, systemPath } from './local-space.js';
import { SeenFolders } from './seen-folders.js';
import { safeId, type StagingArea } from './staging-area.js';

/**
 * Written when the object is out of its old tree and before it enters the new one. With it, an object that is not in
 * staging any more has arrived.
 */
interface ArrivalNote extends TreeSize {
  readonly device: number;
  readonly inode: number;
}

/** Bytes and files of what `folder` holds at `path`. */
export type Measure = (folder: RootedFolder, path: SystemPath, facts: FileFacts) => Promise<TreeSize>;

const ATTEMPTS = 64;
const ELSEWHERE = 'These folders are on different disks; upload the file again instead';

/**
 * A file or folder that goes from one tree into another: out of the old tree into staging, counted there where nothing
 * can change it, then into the new tree. A crash leaves it in the old tree, in the new one, or in staging.
 */
export class Relocation {
  readonly #space: LocalSpace;
  readonly #staging: StagingArea;
  readonly #measure: Measure;

  constructor(space: LocalSpace, staging: StagingArea, measure: Measure) {
    this.#space = space;
    this.#staging = staging;
    this.#measure = measure;
  }

  async move(from: VirtualPath, target: RootedFolder, to: VirtualPath, options: MoveOptions): Promise<Moved> {
    const { files } = this.#space;
    const staging = this.#staging.folder;
    const source = files.facts(systemPath(from));
    if (source === null) throw new DomainError('path.not-found');
    if (source.kind !== 'directory') requireFile(source.kind);
    if (target.facts('')?.device !== source.device) {
      throw new DomainError('path.name-refused', { detail: ELSEWHERE });
    }
    // Written in place at this moment: its bytes would be charged to the tree that they have left.
    if (staging.facts(this.#staging.lockName(from)) !== null) throw new DomainError('path.busy');
    if (!files.rename(systemPath(from), staging, goneName(options.id), 'exclusive')) throw new DomainError('path.busy');
    if (source.kind === 'directory') SeenFolders.forgetAll();
    try {
      const facts = staging.facts(goneName(options.id))!;
      if (facts.kind !== 'directory') requireFile(facts.kind);
      return await this.#arrive(target, to, facts, options);
    } catch (error) {
      this.#putBack(options.id, from);
      throw error;
    }
  }

  /** See `StorageBackend.recoverMove`. */
  recover(id: string, from: VirtualPath): Moved | null {
    const staging = this.#staging.folder;
    const note = this.#staging.readNote(noteName(id)) as ArrivalNote | null;
    const gone = staging.facts(goneName(id));
    const isObject = gone !== null && (note === null || (gone.inode === note.inode && gone.device === note.device));
    if (isObject) {
      staging.unlink(oldName(id));
      this.#putBack(id, from);
      return null;
    }
    if (note === null) return null;
    const old = gone ?? staging.facts(oldName(id));
    if (gone === null && old !== null) staging.rename(oldName(id), staging, goneName(id), 'replace');
    return this.#moved(id, note, old === null ? null : old.size);
  }

  async #arrive(target: RootedFolder, to: VirtualPath, facts: FileFacts, options: MoveOptions): Promise<Moved> {
    const { id, replace, admits } = options;
    const size = await this.#measure(this.#staging.folder, goneName(id), facts);
    this.#staging.writeNote(noteName(id), { ...size, device: facts.device, inode: facts.inode });
    const replacedBytes = this.#switchName(target, systemPath(to), id, {
      replace: replace && facts.kind === 'file',
      admits: (replaced) => admits(size, replaced),
    });
    return this.#moved(id, size, replacedBytes);
  }

  /** The bytes of the file that was replaced; null where the name was free. */
  #switchName(
    target: RootedFolder,
    to: SystemPath,
    id: string,
    { replace, admits }: { readonly replace: boolean; readonly admits: (replacedBytes: number | null) => boolean },
  ): number | null {
    const staging = this.#staging.folder;
    const gone = goneName(id);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const old = target.facts(to);
      if (!admits(old === null ? null : old.size)) throw new DomainError('path.busy');
      if (old === null) {
        if (staging.rename(gone, target, to, 'exclusive')) return null;
        continue;
      }
      if (!replace || old.kind === 'directory') throw new DomainError('path.exists');
      requireFile(old.kind);
      try {
        if (staging.exchanges && staging.rename(gone, target, to, 'exchange')) {
          const taken = staging.facts(gone)!;
          if (taken.kind === 'file' && admits(taken.size)) return taken.size;
          staging.rename(gone, target, to, 'exchange');
          continue;
        }
        target.link(to, staging, oldName(id));
        staging.rename(gone, target, to, 'replace');
        staging.rename(oldName(id), staging, gone, 'replace');
        return staging.facts(gone)!.size;
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
    throw new DomainError('path.busy');
  }

  /**
   * The note goes first: without it, nothing has arrived. Where the old name was taken meanwhile, or its folder is gone,
   * the object gets a name beside it or at the top rather than being lost.
   */
  #putBack(id: string, from: VirtualPath): void {
    const staging = this.#staging.folder;
    staging.unlink(noteName(id));
    for (const path of [from, `${from}.${id}`, `/${nameOf(from)}.${id}`]) {
      try {
        if (staging.rename(goneName(id), this.#space.files, systemPath(path as VirtualPath), 'exclusive')) return;
      } catch (error) {
        if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error;
      }
    }
    throw new DomainError('path.busy', { detail: 'An interrupted move cannot be undone: its names are taken' });
  }

  #moved(id: string, { bytes, files }: TreeSize, replacedBytes: number | null): Moved {
    const finish = async (): Promise<void> => {
      if (replacedBytes !== null) await this.#staging.drop(goneName(id), replacedBytes);
      await this.#staging.drop(noteName(id), 0);
    };
    return { bytes, files, replacedBytes, finish };
  }
}

function goneName(id: string): string {
  return `${safeId(id)}.gone`;
}

function noteName(id: string): string {
  return `${safeId(id)}.arrival`;
}

function oldName(id: string): string {
  return `${safeId(id)}.old`;
}
