import * as crypto from 'node:crypto';
import { closeSync, constants, promises, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DomainError, parentOf, type VirtualPath } from '@quayside/domain';
import { errorCode, type FileFacts, type RootedFolder } from '@quayside/native';
import type { StagedPartial, UploadTarget } from '../storage-backend.js';
import type { LocalSpace } from './local-space.js';

/** What a sidecar remembers of its partial. Paths are those of the whole space. */
interface Sidecar {
  readonly path: VirtualPath;
  readonly accountId: string;
  readonly transferId: string;
}

/** Larger files are unlinked on the thread pool: freeing their blocks takes the kernel milliseconds. */
const SLOW_UNLINK_BYTES = 4 * 1024 * 1024;
const SLICE = 512;

/**
 * The staging folder. Names: `<key>~<transferId>.up` a live upload, owned by its worker; `<key>.part` a kept partial,
 * claimed by renaming it; `<key>.json` its sidecar; `<key>~<transferId>.old` what a portable publish replaced;
 * `<id>.gone` a detached file, or what is on its way into another tree;
 * `<id>.move`, `<id>.old` and `<id>.arrival` the notes of replacing renames and moves; `<hash>.lock` a direct upload.
 * `key` starts with hashes of account and folder, so that the partials of one listing are found by their names.
 */
export class StagingArea {
  readonly #space: LocalSpace;
  /** The key asked for last: one upload asks several times in a row. */
  #last: { readonly path: VirtualPath; readonly accountId: string; readonly key: string } | null = null;

  constructor(space: LocalSpace) {
    this.#space = space;
  }

  get folder(): RootedFolder {
    return this.#space.staging;
  }

  key(path: VirtualPath, accountId: string): string {
    if (this.#last?.path === path && this.#last.accountId === accountId) return this.#last.key;
    const full = this.#space.spacePath(path);
    const key = `${folderPrefix(accountId, parentOf(full))}${digest(full, 24)}`;
    this.#last = { path, accountId, key };
    return key;
  }

  uploadName(target: UploadTarget): string {
    return `${this.key(target.path, target.accountId)}~${safeId(target.transferId)}.up`;
  }

  lockName(path: VirtualPath): string {
    return `${digest(this.#space.spacePath(path), 40)}.lock`;
  }

  /** A new file of its own; EEXIST where the name is taken. */
  create(name: string): number {
    return this.folder.open(
      name,
      constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
      this.#space.options.fileMode,
    );
  }

  /** Make `upload` the account's partial at its path; an older one is replaced. */
  keep(target: UploadTarget, upload: string): void {
    const key = this.key(target.path, target.accountId);
    const sidecar: Sidecar = {
      path: this.#space.spacePath(target.path),
      accountId: target.accountId,
      transferId: target.transferId,
    };
    // The sidecar goes first: a partial without one could be resumed but not be listed.
    this.writeNote(`${key}.json`, sidecar);
    this.folder.rename(upload, this.folder, `${key}.part`, 'replace');
  }

  /** Take the account's partial for an upload; of two claimers one gets it. False where there is none. */
  claim(target: UploadTarget): boolean {
    const key = this.key(target.path, target.accountId);
    try {
      return this.folder.rename(`${key}.part`, this.folder, this.uploadName(target), 'replace');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Give a claimed partial back unchanged. A newer partial made meanwhile wins. */
  unclaim(target: UploadTarget): void {
    const upload = this.uploadName(target);
    const key = this.key(target.path, target.accountId);
    if (!this.folder.rename(upload, this.folder, `${key}.part`, 'exclusive')) this.folder.unlink(upload);
  }

  /** Whether another upload of the account to this path is under way (or waits for recovery). */
  isBusy(target: UploadTarget): boolean {
    const start = `${this.key(target.path, target.accountId)}~`;
    const own = this.uploadName(target);
    return this.#names().some((name) => name.startsWith(start) && name.endsWith('.up') && name !== own);
  }

  partial(path: VirtualPath, accountId: string): StagedPartial | null {
    return this.#partialOf(this.key(path, accountId));
  }

  partialsIn(directory: VirtualPath, accountId: string): StagedPartial[] {
    const prefix = folderPrefix(accountId, this.#space.spacePath(directory));
    const found: StagedPartial[] = [];
    for (const name of this.#names()) {
      if (!name.startsWith(prefix) || !name.endsWith('.part')) continue;
      const partial = this.#partialOf(name.slice(0, -'.part'.length));
      if (partial !== null) found.push(partial);
    }
    return found;
  }

  async *partials(): AsyncIterable<StagedPartial> {
    const names = this.#names();
    for (const [index, name] of names.entries()) {
      if (index % SLICE === SLICE - 1) await new Promise((resolve) => setImmediate(resolve));
      const partial = name.endsWith('.part') ? this.#partialOf(name.slice(0, -'.part'.length)) : null;
      if (partial !== null) yield partial;
    }
  }

  dropPartial(path: VirtualPath, accountId: string): boolean {
    const key = this.key(path, accountId);
    const dropped = this.folder.unlink(`${key}.part`);
    if (dropped) this.folder.unlink(`${key}.json`);
    return dropped;
  }

  /** Drop the account's partial; the transfer id that it was kept with (empty where none), null where there is none. */
  takePartial(path: VirtualPath, accountId: string): string | null {
    const key = this.key(path, accountId);
    // Asked first, because most uploads meet none: to unlink what is not there costs more.
    if (this.folder.facts(`${key}.part`) === null) return null;
    const partial = this.#partialOf(key);
    return this.dropPartial(path, accountId) ? (partial?.transferId ?? '') : null;
  }

  /** After a claimed upload is done: its sidecar goes, unless a newer partial wrote another. */
  dropSidecar(target: UploadTarget): void {
    const key = this.key(target.path, target.accountId);
    if (this.folder.facts(`${key}.part`) === null) this.folder.unlink(`${key}.json`);
  }

  /** Another staged file of the same key that is the object itself. */
  findObject(target: UploadTarget, isObject: (facts: FileFacts) => boolean): string | null {
    const key = this.key(target.path, target.accountId);
    for (const name of this.#names()) {
      if (!name.startsWith(key)) continue;
      const facts = this.folder.facts(name);
      if (facts !== null && isObject(facts)) return name;
    }
    return null;
  }

  /** Remove a staged file; never throws: what stays is found by upkeep. */
  async drop(name: string, bytes: number): Promise<void> {
    try {
      if (bytes < SLOW_UNLINK_BYTES) this.folder.unlink(name);
      else await promises.unlink(join(this.#space.stagingFolder, name));
    } catch {
      // The name keeps its bytes until upkeep tries again.
    }
  }

  /** Write a small JSON file whole or not at all. */
  writeNote(name: string, note: object, how: 'replace' | 'exclusive' = 'replace'): boolean {
    const temporary = `${name}~${process.pid}.tmp`;
    this.folder.unlink(temporary);
    const fd = this.create(temporary);
    try {
      writeSync(fd, JSON.stringify(note));
    } finally {
      closeSync(fd);
    }
    if (this.folder.rename(temporary, this.folder, name, how)) return true;
    this.folder.unlink(temporary);
    return false;
  }

  /** A note's content; null where it is missing or torn. */
  readNote(name: string): unknown {
    let fd: number;
    try {
      fd = this.folder.open(name, constants.O_RDONLY);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null;
      throw error;
    }
    try {
      return JSON.parse(readFileSync(fd, 'utf8')) as unknown;
    } catch (error) {
      if (error instanceof SyntaxError) return null;
      throw error;
    } finally {
      closeSync(fd);
    }
  }

  #partialOf(key: string): StagedPartial | null {
    const facts = this.folder.facts(`${key}.part`);
    if (facts === null) return null;
    const sidecar = this.readNote(`${key}.json`) as Sidecar | null;
    const path = sidecar === null ? null : this.#space.viewPath(sidecar.path);
    if (sidecar === null || path === null) return null;
    return {
      path,
      accountId: sidecar.accountId,
      bytes: facts.size,
      modifiedMs: facts.modifiedMs,
      transferId: sidecar.transferId,
    };
  }

  #names(): string[] {
    const reader = this.folder.openFolder('');
    try {
      const names: string[] = [];
      for (let slice = reader.read(SLICE); slice.length > 0; slice = reader.read(SLICE)) names.push(...slice);
      return names;
    } finally {
      reader.close();
    }
  }
}

/** Many uploads in a row go to the same folder. */
let lastPrefix = { accountId: '', folder: '', prefix: '' };

function folderPrefix(accountId: string, folder: VirtualPath): string {
  if (lastPrefix.folder !== folder || lastPrefix.accountId !== accountId) {
    lastPrefix = { accountId, folder, prefix: digest(accountId, 12) + digest(folder, 12) };
  }
  return lastPrefix.prefix;
}

function sha256(text: string): string {
  // In one call since Node 20.12, at half the cost.
  return crypto.hash?.('sha256', text) ?? crypto.createHash('sha256').update(text).digest('hex');
}

/** JSON keeps lone surrogates (escaped bytes) apart, which UTF-8 would not. */
function digest(text: string, length: number): string {
  return sha256(JSON.stringify(text)).slice(0, length);
}

/** Ids become file names. */
export function safeId(id: string): string {
  if (/^[\w-]{1,64}$/.test(id)) return id;
  throw new DomainError('path.name-refused', { detail: 'Not an identifier' });
}
