import { DomainError, type VirtualPath } from '@quayside/domain';
import { errorCode, type FileFacts } from '@quayside/native';
import type { Detached } from '../storage-backend.js';
import { requireFile } from './local-entry.js';
import { type LocalSpace, systemPath } from './local-space.js';
import { safeId, type StagingArea } from './staging-area.js';

/** What a replacing rename writes down before it takes its source out of the tree. */
interface MoveNote {
  readonly from: VirtualPath;
  readonly to: VirtualPath;
  readonly device: number;
  readonly inode: number;
}

const ATTEMPTS = 64;

/** Files that leave the tree: taken into staging under the caller's id first, dropped when the caller says so. */
export class Removal {
  readonly #space: LocalSpace;
  readonly #staging: StagingArea;

  constructor(space: LocalSpace, staging: StagingArea) {
    this.#space = space;
    this.#staging = staging;
  }

  detach(path: VirtualPath, id: string): Detached {
    const { files } = this.#space;
    const staging = this.#staging.folder;
    const system = systemPath(path);
    const gone = goneName(id);
    const before = files.facts(system);
    if (before === null) throw new DomainError('path.not-found');
    requireFile(before.kind);
    if (!files.rename(system, staging, gone, 'exclusive')) throw new DomainError('path.busy');
    const taken = staging.facts(gone)!;
    if (taken.kind !== 'file') {
      // The name changed hands between check and rename.
      staging.rename(gone, files, system, 'exclusive');
      requireFile(taken.kind);
    }
    return this.#detached(id, taken.size);
  }

  /**
   * Rename onto a name that may be taken. The source goes through staging, because an exchange within the tree would
   * show the old file under the source's name for an instant, and another worker might take it for the new one.
   */
  replace(from: VirtualPath, to: VirtualPath, source: FileFacts, id: string): Detached | null {
    const { files } = this.#space;
    const staging = this.#staging.folder;
    const fromPath = systemPath(from);
    const gone = goneName(id);
    const note: MoveNote = { from, to, device: source.device, inode: source.inode };
    this.#staging.writeNote(moveName(id), note);
    let staged = false;
    try {
      if (!files.rename(fromPath, staging, gone, 'exclusive')) throw new DomainError('path.busy');
      staged = true;
      const replacedBytes = this.#switchName(gone, id, to);
      staging.unlink(moveName(id));
      return replacedBytes === null ? null : this.#detached(id, replacedBytes);
    } catch (error) {
      if (!staged || staging.rename(gone, files, fromPath, 'exclusive')) staging.unlink(moveName(id));
      throw error;
    }
  }

  recover(id: string): Detached | null {
    const staging = this.#staging.folder;
    const gone = goneName(id);
    const note = this.#staging.readNote(moveName(id)) as MoveNote | null;
    let facts = staging.facts(gone);
    if (note !== null) {
      if (facts !== null && facts.inode === note.inode && facts.device === note.device) {
        this.#putBack(gone, note);
        facts = null;
      }
      const old = staging.facts(oldName(id));
      if (old !== null && facts === null && this.#holds(note)) {
        staging.rename(oldName(id), staging, gone, 'replace');
        facts = old;
      } else {
        staging.unlink(oldName(id));
      }
      staging.unlink(moveName(id));
    }
    return facts === null ? null : this.#detached(id, facts.size);
  }

  #switchName(gone: string, id: string, to: VirtualPath): number | null {
    const { files } = this.#space;
    const staging = this.#staging.folder;
    const toPath = systemPath(to);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (staging.rename(gone, files, toPath, 'exclusive')) return null;
      const old = files.facts(toPath);
      if (old === null) continue;
      requireReplaceable(old.kind);
      try {
        if (staging.exchanges && staging.rename(gone, files, toPath, 'exchange')) {
          const taken = staging.facts(gone)!;
          if (taken.kind === 'file') return taken.size;
          staging.rename(gone, files, toPath, 'exchange');
          requireReplaceable(taken.kind);
        }
        files.link(toPath, staging, oldName(id));
        staging.rename(gone, files, toPath, 'replace');
        staging.rename(oldName(id), staging, gone, 'replace');
        return staging.facts(gone)!.size;
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
    throw new DomainError('path.busy');
  }

  /** Whether the moved object is at its new name, i.e. the rename happened. */
  #holds(note: MoveNote): boolean {
    const facts = this.#space.files.facts(systemPath(note.to));
    return facts !== null && facts.inode === note.inode && facts.device === note.device;
  }

  #putBack(gone: string, note: MoveNote): void {
    const staging = this.#staging.folder;
    const { files } = this.#space;
    if (staging.rename(gone, files, systemPath(note.from), 'exclusive')) return;
    if (staging.rename(gone, files, systemPath(note.to), 'exclusive')) return;
    throw new DomainError('path.busy', { detail: 'An interrupted rename cannot be undone: both names are taken' });
  }

  #detached(id: string, bytes: number): Detached {
    return { bytes, finish: () => this.#staging.drop(goneName(id), bytes) };
  }
}

/** Directories never replace and are never replaced. */
function requireReplaceable(kind: FileFacts['kind']): void {
  if (kind === 'directory') throw new DomainError('path.exists');
  requireFile(kind);
}

function goneName(id: string): string {
  return `${safeId(id)}.gone`;
}

function moveName(id: string): string {
  return `${safeId(id)}.move`;
}

function oldName(id: string): string {
  return `${safeId(id)}.old`;
}
