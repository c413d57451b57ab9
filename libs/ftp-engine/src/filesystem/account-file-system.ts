import {
  childOf,
  DomainError,
  effectivePermissions,
  type ErrorCode,
  type GrantMount,
  maskOf,
  nameOf,
  newId,
  parsePath,
  type PathAccess,
  type PathRefusal,
  type PermissionMask,
  refusesPath,
  type SessionGrant,
  type VirtualPath,
} from '@quayside/domain';
import type { Entry, OpenFile, StagedPartial, StorageBackend } from '@quayside/storage';
import type { Session } from '../session/session.js';
import { MountTable, type Place } from './mount-table.js';

/** An entry as the account sees it. */
export interface SeenEntry extends Entry {
  /** The size is that of the account's own staged upload: the name has no whole new content yet. */
  readonly incomplete?: boolean;
  /** Receipt of the upload that made this content, where this worker still knows it. */
  readonly sha256?: string;
}

/** What an upload needs to know before it asks for quota. */
export interface UploadPlace extends Place {
  readonly backend: StorageBackend;
  /** The committed file at the name; null where it is free. */
  readonly committed: Entry | null;
  /** The account's own staged partial; null where there is none or the policy uploads in place. */
  readonly partial: StagedPartial | null;
  /** The folder exists, as far as has been looked. */
  readonly looked: boolean;
}

/** Bytes that are not UTF-8 arrive as lone surrogates; such a name is kept byte for byte. */
const NOT_UTF8 = /\p{Surrogate}/u;

const MOUNT_REMOVED = { source: 'mount', policyId: null, rule: 'the folder is no longer mounted' };
const READING = maskOf(['list', 'download']);

/**
 * THE choke point between a session and its files, one per session: path → mount → status, policy and mount
 * permission → name rules → backend. What a policy hides answers as if it did not exist. Every refusal is recorded.
 */
export class AccountFileSystem {
  #grant: SessionGrant;
  #mounts: MountTable;
  /** What the last transfer was allowed to do. */
  #last: { readonly access: PathAccess; readonly mount: GrantMount | null } | null = null;

  constructor(
    readonly session: Session,
    grant: SessionGrant,
  ) {
    this.#grant = grant;
    this.#mounts = new MountTable(grant.mounts);
  }

  get grant(): SessionGrant {
    return this.#grant;
  }

  /** Live policy change: the next command sees the new grant. */
  replaceGrant(grant: SessionGrant): void {
    this.#grant = grant;
    this.#mounts = new MountTable(grant.mounts);
  }

  /** Why the last transfer would be refused now; null where it would not. */
  refusesLast(): PathRefusal | null {
    const last = this.#last;
    if (last === null) return null;
    const { access, mount } = last;
    const refusal = refusesPath(this.#grant, access);
    // Another mount at the name is another file.
    if (refusal !== null || isSameFolder(mount, this.#mounts.placeOf(access.path)?.mount ?? null)) return refusal;
    return { code: 'path.not-found', rule: MOUNT_REMOVED, detail: null, target: false };
  }

  /** What a client's argument means from its working directory. Names are taken in Unicode's composed form. */
  resolve(arg: string): VirtualPath {
    return parsePath(NOT_UTF8.test(arg) ? arg : arg.normalize('NFC'), this.session.cwd);
  }

  /** What the account may do at a path, whoever says so. */
  permissionsAt(path: VirtualPath): PermissionMask {
    return effectivePermissions(this.#grant, path);
  }

  /** The existing, visible directory that CWD enters; throws `path.not-found`, `path.not-directory`, `access.denied`. */
  async directory(arg: string): Promise<VirtualPath> {
    const path = this.resolve(arg);
    const entry = await this.#find(path);
    if (entry === null) throw new DomainError('path.not-found');
    if (entry.kind !== 'directory') throw new DomainError('path.not-directory');
    if (this.permissionsAt(path) === 0) this.require({ operation: 'list', path }, 'CWD');
    return path;
  }

  /**
   * Size, time and kind of a name. An account that may neither list nor read there learns only of what it is
   * uploading itself.
   */
  async stat(path: VirtualPath): Promise<SeenEntry> {
    const seesAll = (this.permissionsAt(path) & READING) !== 0;
    const [entry, partial] = await Promise.all([seesAll ? this.#find(path) : null, this.#partialAt(path)]);
    if (entry === null && partial === null) throw new DomainError('path.not-found');
    return partial === null || entry?.kind === 'directory' ? entry! : withPartial(entry, partial);
  }

  /** The entry with the receipt of its content, where this process still has it. */
  withReceipt(path: VirtualPath, entry: SeenEntry): SeenEntry {
    const place = entry.kind === 'file' && entry.incomplete !== true ? this.#mounts.placeOf(path) : null;
    const sha256 = place === null ? null : this.session.engine.receipts.find(place.mount.spaceId, entry);
    return sha256 === null ? entry : { ...entry, sha256 };
  }

  /** The entry at a path as the account sees it, or null; never the staged size. */
  async #find(path: VirtualPath): Promise<Entry | null> {
    if (this.#grant.policy.isHidden(path)) return null;
    const place = this.#mounts.placeOf(path);
    const fixed = this.#mounts.isFixed(path);
    if (place === null) return fixed ? this.#virtualDirectory(path) : null;
    const entry = await statOrNull(this.#backend(place), place.backendPath);
    if (fixed && entry?.kind !== 'directory') return this.#virtualDirectory(path);
    // The root of a mount has the mount's name, not the folder's.
    return entry === null || entry.name === nameOf(path) ? entry : { ...entry, name: nameOf(path) };
  }

  /**
   * Entries of a directory, in pages and no order, as the account sees them: without what is hidden, with mount points,
   * with the staged sizes of its own uploads. The first page is fetched before this resolves, so that errors come early.
   */
  async list(path: VirtualPath, verb: string, signal: AbortSignal): Promise<AsyncIterable<readonly SeenEntry[]>> {
    const entry = await this.#find(path);
    if (entry === null) throw new DomainError('path.not-found');
    if (entry.kind !== 'directory') throw new DomainError('path.not-directory');
    this.#allow({ operation: 'list', path }, verb);
    const place = this.#mounts.placeOf(path);
    const fixed = this.#mounts.fixedNamesIn(path);
    const real = place !== null && (await statOrNull(this.#backend(place), place.backendPath)) !== null ? place : null;
    return this.#pages(path, real, fixed, signal);
  }

  async *#pages(
    path: VirtualPath,
    place: Place | null,
    fixed: ReadonlySet<string>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly SeenEntry[]> {
    if (fixed.size > 0) {
      const mounts = [...fixed].map((name) => this.#virtualDirectory(childOf(path, name)));
      yield mounts.filter(({ name }) => !this.#grant.policy.isHidden(childOf(path, name)));
    }
    if (place === null) return;
    const backend = this.#backend(place);
    const staged = await this.#partialsIn(backend, place);
    for await (const page of backend.list(place.backendPath, { signal })) {
      const seen: SeenEntry[] = [];
      for (const entry of page) {
        if (fixed.has(entry.name) || this.#grant.policy.isHidden(childOf(path, entry.name))) continue;
        const partial = staged?.get(entry.name);
        if (partial === undefined || entry.kind === 'directory') seen.push(entry);
        else seen.push(withPartial(entry, partial));
        staged?.delete(entry.name);
      }
      yield seen;
    }
    if (staged !== null && staged.size > 0) yield [...staged.values()].map((partial) => withPartial(null, partial));
  }

  async #partialsIn(backend: StorageBackend, place: Place): Promise<Map<string, StagedPartial> | null> {
    if (this.#grant.policy.uploads.mode === 'direct') return null;
    const partials = await backend.partialsIn(place.backendPath, this.#grant.accountId);
    return partials.length === 0 ? null : new Map(partials.map((partial) => [nameOf(partial.path), partial]));
  }

  /** Open the committed file for reading. A name that is only being uploaded answers `path.incomplete`. */
  async openRead(path: VirtualPath, verb: string): Promise<OpenFile> {
    const place = this.#place(path);
    this.#allow({ operation: 'download', path }, verb);
    if (this.#mounts.isFixed(path)) throw new DomainError('path.is-directory');
    try {
      return await this.#backend(place).openRead(place.backendPath);
    } catch (error) {
      if (!isCode(error, 'path.not-found') || (await this.#partialAt(path)) === null) throw error;
      throw new DomainError('path.incomplete');
    }
  }

  /** Where an upload goes, after every check that needs no quota. */
  async planUpload(path: VirtualPath, verb: string, intent: 'replace' | 'change' | 'append'): Promise<UploadPlace> {
    if (this.#mounts.isFixed(path)) throw new DomainError('path.is-directory');
    const place = this.#mounts.placeOf(path);
    if (place === null) throw this.#refused({ operation: 'upload', path }, verb);
    const backend = this.#backend(place);
    const found = look(backend, place.backendPath) ?? (await statOrNull(backend, place.backendPath));
    const committed = found === 'free' ? null : found;
    const partial =
      this.#grant.policy.uploads.mode === 'direct'
        ? null
        : await backend.partial(place.backendPath, this.#grant.accountId);
    // An append to one's own partial still replaces what is committed at the name.
    const change = intent === 'append' && partial === null ? 'append' : 'overwrite';
    this.#allow({ operation: committed === null ? 'upload' : change, path }, verb);
    if (committed?.kind === 'directory') throw new DomainError('path.is-directory');
    if (committed?.kind === 'other') throw new DomainError('path.not-regular');
    const { mount, backendPath } = place;
    return { path, mount, backendPath, backend, committed, partial, looked: found !== null };
  }

  /** DELE: the account's own staged bytes at the name go first, then (by the next DELE) the file. */
  async remove(path: VirtualPath, verb: string): Promise<void> {
    const place = this.#place(path);
    this.require({ operation: 'delete', path }, verb);
    if (this.#mounts.isFixed(path)) throw new DomainError('path.is-directory');
    const backend = this.#backend(place);
    if (this.#grant.policy.uploads.mode === 'staged') {
      const partial = await backend.partial(place.backendPath, this.#grant.accountId);
      if (partial !== null && (await backend.dropPartial(place.backendPath, this.#grant.accountId))) {
        await this.session.engine.ports.quota.dropped(partial.transferId);
        return;
      }
    }
    const entry = await backend.stat(place.backendPath);
    if (entry.kind === 'directory') throw new DomainError('path.is-directory');
    const { ports } = this.session.engine;
    const id = newId();
    const record = ports.journal.beginRemoval(this.session.facts(), this.#grant, {
      id,
      mount: place.mount,
      backendPath: place.backendPath,
      path,
      renamedFrom: null,
    });
    let detached;
    try {
      detached = await backend.detach(place.backendPath, id);
    } catch (error) {
      record.cancelled();
      throw error;
    }
    await record.done(detached.bytes);
    await detached.finish();
  }

  /** RNFR: the name is there and may be moved. */
  async checkRename(path: VirtualPath, verb: string): Promise<void> {
    const place = this.#place(path);
    const { kind } = await this.#backend(place).stat(place.backendPath);
    this.require({ operation: 'rename', path, directory: kind === 'directory' }, verb);
  }

  /** RNTO. Onto an existing file it needs `overwrite` as well; directories replace nothing. */
  async rename(from: VirtualPath, to: VirtualPath, verb: string): Promise<void> {
    const source = this.#place(from);
    if (this.#mounts.isFixed(to)) throw new DomainError('path.exists');
    const target = this.#mounts.placeOf(to);
    if (target === null) throw this.#refused({ operation: 'rename', path: from, newPath: to }, verb);
    const backend = this.#backend(source);
    const moved = await backend.stat(source.backendPath);
    const replaced = from === to ? null : await statOrNull(this.#backend(target), target.backendPath);
    const directory = moved.kind === 'directory';
    this.require({ operation: 'rename', path: from, newPath: to, directory, replaces: replaced !== null }, verb);
    if (replaced !== null && (directory || replaced.kind === 'directory')) throw new DomainError('path.exists');
    if (source.mount.mountId !== target.mount.mountId) return this.#move(source, target, directory, replaced);
    if (replaced !== null) await this.#renameOnto(source, target);
    else if (from !== to) await backend.rename(source.backendPath, target.backendPath, { replaceId: null });
    this.#record({ type: 'file.renamed', from, to, deltas: [] });
  }

  /** RNTO into another mount: the bytes go from ledger to ledger with the name, or nothing does (SEMANTICS §1). */
  async #move(source: Place, target: Place, directory: boolean, replaced: Entry | null): Promise<void> {
    const { journal, quota } = this.session.engine.ports;
    const [backend, other] = [this.#backend(source), this.#backend(target)];
    const id = newId();
    const coming = await backend.measure({ path: source.backendPath });
    const growth = {
      bytes: coming.bytes - (replaced?.size ?? 0),
      files: coming.files - (replaced === null ? 0 : 1),
    };
    const [from, to] = [source.mount, target.mount];
    const lease =
      from.spaceId === to.spaceId
        ? null
        : await quota.openMove({
            grant: this.#grant,
            moveId: id,
            from,
            folder: directory ? source.backendPath : null,
            to,
            ...growth,
          });
    let record;
    let moved;
    try {
      record = journal.beginMove(this.session.facts(), this.#grant, { id, from: source, to: target });
      moved = await backend.moveInto(source.backendPath, other, target.backendPath, {
        id,
        replace: replaced !== null,
        // What changed since it was asked for may need more room than there is.
        admits: ({ bytes, files }, replacedBytes) =>
          lease === null ||
          (bytes - (replacedBytes ?? 0) <= Math.max(growth.bytes, 0) &&
            files - (replacedBytes === null ? 0 : 1) <= Math.max(growth.files, 0)),
      });
    } catch (error) {
      record?.cancelled();
      await lease?.release();
      throw error;
    }
    await record.done(moved);
    await moved.finish();
  }

  /** What the new name loses is journalled as a removal of its own. */
  async #renameOnto(source: Place, target: Place): Promise<void> {
    const id = newId();
    const record = this.session.engine.ports.journal.beginRemoval(this.session.facts(), this.#grant, {
      id,
      mount: target.mount,
      backendPath: target.backendPath,
      path: target.path,
      renamedFrom: source.path,
    });
    let detached;
    try {
      detached = await this.#backend(source).rename(source.backendPath, target.backendPath, { replaceId: id });
    } catch (error) {
      record.cancelled();
      throw error;
    }
    await record.done(detached === null ? null : detached.bytes);
    await detached?.finish();
  }

  async makeDirectory(path: VirtualPath, verb: string): Promise<void> {
    if (this.#mounts.isFixed(path)) throw new DomainError('path.exists', { detail: 'File exists' });
    this.require({ operation: 'mkdir', path }, verb);
    const place = this.#place(path);
    try {
      await this.#backend(place).makeDirectory(place.backendPath);
    } catch (error) {
      throw isCode(error, 'path.exists') ? new DomainError('path.exists', { detail: 'File exists' }) : error;
    }
    this.#record({ type: 'directory.created', path });
  }

  async removeDirectory(path: VirtualPath, verb: string): Promise<void> {
    const place = this.#place(path);
    this.require({ operation: 'rmdir', path }, verb);
    await this.#backend(place).removeDirectory(place.backendPath);
    this.#record({ type: 'directory.removed', path });
  }

  async setModified(path: VirtualPath, ms: number, verb: string): Promise<void> {
    const place = this.#place(path);
    this.require({ operation: 'touch', path }, verb);
    const backend = this.#backend(place);
    const before = await statOrNull(backend, place.backendPath);
    await backend.setModified(place.backendPath, ms);
    if (before?.kind === 'file') await this.#carryReceipt(place, before);
    this.#record({ type: 'file.changed', path, change: 'mtime' });
  }

  /** Clients set the time of what they have just uploaded. In place it could be changed meanwhile, replaced it could not. */
  async #carryReceipt(place: Place, before: Entry): Promise<void> {
    const { receipts } = this.session.engine;
    const { spaceId } = place.mount;
    const sha256 = this.#grant.policy.uploads.mode === 'staged' ? receipts.find(spaceId, before) : null;
    if (sha256 === null) return;
    const now = await statOrNull(this.#backend(place), place.backendPath);
    if (now?.unique === before.unique && now.size === before.size) receipts.add(spaceId, now, sha256);
  }

  async setMode(path: VirtualPath, mode: number, verb: string): Promise<void> {
    const place = this.#place(path);
    this.require({ operation: 'chmod', path }, verb);
    await this.#backend(place).setMode(place.backendPath, mode);
    this.#record({ type: 'file.changed', path, change: 'mode' });
  }

  /** The space that new bytes at a path would count in; throws `path.not-found` above all mounts. */
  mountOf(path: VirtualPath): Place & { readonly backend: StorageBackend } {
    const place = this.#place(path);
    return { ...place, backend: this.#backend(place) };
  }

  /** Throws where the domain's one decision about files refuses, and records by which rule. */
  require(access: PathAccess, verb: string): void {
    if (refusesPath(this.#grant, access) !== null) throw this.#refused(access, verb);
  }

  /** The same for a transfer, which is asked about again when the rules change while it runs. */
  #allow(access: PathAccess, verb: string): void {
    this.require(access, verb);
    this.#last = { access, mount: this.#mounts.placeOf(access.path)?.mount ?? null };
  }

  #refused(access: PathAccess, verb: string): DomainError {
    const refusal = refusesPath(this.#grant, access);
    const code = refusal?.code ?? 'access.denied';
    const path = refusal?.target === true && access.newPath !== undefined ? access.newPath : access.path;
    this.#record({ type: 'access.refused', verb, path, code, rule: refusal?.rule.rule ?? null });
    return new DomainError(code, { detail: refusal?.detail ?? undefined });
  }

  /** The place of a path that must be in a space and not hidden. */
  #place(path: VirtualPath): Place {
    const place = this.#grant.policy.isHidden(path) ? null : this.#mounts.placeOf(path);
    if (place !== null) return place;
    throw new DomainError(this.#mounts.isFixed(path) ? 'access.denied' : 'path.not-found');
  }

  #record(fact: Parameters<Session['engine']['ports']['journal']['record']>[2]): void {
    this.session.engine.ports.journal.record(this.session.facts(), this.#grant, fact);
  }

  #backend(place: Place): StorageBackend {
    return this.session.engine.ports.storage.backendFor(place.mount);
  }

  async #partialAt(path: VirtualPath): Promise<StagedPartial | null> {
    if (this.#grant.policy.uploads.mode === 'direct' || this.#grant.policy.isHidden(path)) return null;
    const place = this.#mounts.placeOf(path);
    return place === null ? null : this.#backend(place).partial(place.backendPath, this.#grant.accountId);
  }

  #virtualDirectory(path: VirtualPath): SeenEntry {
    return {
      name: nameOf(path),
      kind: 'directory',
      size: 0,
      modifiedMs: this.session.openedAtMs,
      mode: 0o755,
      unique: `v${Buffer.from(path).toString('hex')}`,
      links: 2,
    };
  }
}

function isSameFolder(one: GrantMount | null, other: GrantMount | null): boolean {
  return one?.spaceId === other?.spaceId && one?.subpath === other?.subpath && one?.path === other?.path;
}

function withPartial(entry: Entry | null, partial: StagedPartial): SeenEntry {
  return {
    name: nameOf(partial.path),
    kind: 'file',
    size: partial.bytes,
    modifiedMs: partial.modifiedMs,
    mode: entry?.mode ?? 0o644,
    unique: entry?.unique ?? `p${partial.transferId}`,
    links: 1,
    incomplete: true,
  };
}

/** What is at a name, where the backend tells at once; null where it does not or refuses. */
function look(backend: StorageBackend, path: VirtualPath): Entry | 'free' | null {
  if (backend.statSync === null) return null;
  try {
    return backend.statSync(path) ?? 'free';
  } catch {
    return null;
  }
}

async function statOrNull(backend: StorageBackend, path: VirtualPath): Promise<Entry | null> {
  try {
    return backend.statSync === null ? await backend.stat(path) : backend.statSync(path);
  } catch (error) {
    if (isCode(error, 'path.not-found')) return null;
    throw error;
  }
}

function isCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof DomainError && error.code === code;
}
