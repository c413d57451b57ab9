import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  utimesSync,
} from 'node:fs';
import { errorCode, systemError } from './c-library.js';
import {
  factsOf,
  factsOfOpen,
  type FileFacts,
  type FileIdentity,
  type FolderReader,
  joinPath,
  O_PATH,
  type RootedFolder,
  SAFE_FLAGS,
  segmentsOf,
  splitPath,
  type SystemPath,
  unlessMissing,
  withDescriptor,
} from './rooted-folder.js';

const FOLDER_FLAGS = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * A rooted folder from Node's own calls. Symlinks are refused, one component at a time. Where /proc is mounted each step
 * starts at the descriptor of the folder before (`/proc/self/fd/N/name` is openat(N, name)), so that a folder that is
 * swapped for a symlink meanwhile leads nowhere. Elsewhere each component is checked by lstat just before it is used:
 * then a process of the same machine that writes in the same tree could win a race, an FTP client alone cannot, because
 * it cannot make symlinks.
 */
export class PortableFolder implements RootedFolder {
  readonly kind = 'portable';
  readonly exchanges = false;
  readonly #fd: number;
  readonly #anchored: boolean;
  readonly #folder: SystemPath;

  constructor(folder: SystemPath, fd: number = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)) {
    this.#fd = fd;
    this.#anchored = existsSync(`/proc/self/fd/${fd}/.`);
    this.#folder = this.#anchored ? `/proc/self/fd/${fd}` : folder;
  }

  open(path: SystemPath, flags: number, mode?: number): number {
    return this.at(path, (full) => openSync(full, flags | SAFE_FLAGS | constants.O_NOFOLLOW, mode));
  }

  facts(path: SystemPath): FileFacts | null {
    return this.at(path, (full) => unlessMissing(() => factsOf(lstatSync(full))));
  }

  targetFacts(path: SystemPath): FileFacts {
    const facts = this.facts(path);
    if (facts === null) throw systemError(2, 'lstat');
    if (facts.kind === 'symlink') throw Object.assign(new Error('ELOOP: lstat'), { code: 'ELOOP', syscall: 'lstat' });
    return facts;
  }

  factsOfOpen(fd: number): FileFacts {
    return factsOfOpen(fd);
  }

  identityOf(fd: number): FileIdentity {
    const { dev, ino, birthtimeNs } = fstatSync(fd, { bigint: true });
    return { facts: factsOfOpen(fd), identity: `${dev}.${ino}.${birthtimeNs}` };
  }

  makeDirectory(path: SystemPath, mode: number): void {
    this.at(path, (full) => mkdirSync(full, mode));
  }

  removeDirectory(path: SystemPath): void {
    this.at(path, rmdirSync);
  }

  unlink(path: SystemPath): boolean {
    return this.at(path, (full) => unlessMissing(() => (unlinkSync(full), true)) ?? false);
  }

  rename(from: SystemPath, to: RootedFolder, toPath: SystemPath, how: 'replace' | 'exclusive' | 'exchange'): boolean {
    if (how === 'exchange') return false;
    return this.at(from, (source) =>
      portable(to).at(toPath, (target) => {
        if (how === 'replace') renameSync(source, target);
        else return renameExclusive(source, target);
        return true;
      }),
    );
  }

  link(from: SystemPath, to: RootedFolder, toPath: SystemPath): boolean {
    return this.at(from, (source) => portable(to).at(toPath, (target) => linkExclusive(source, target)));
  }

  setMode(path: SystemPath, mode: number): void {
    this.#change(path, (full) => chmodSync(full, mode));
  }

  setModified(path: SystemPath, ms: number): void {
    this.#change(path, (full) => utimesSync(full, new Date(), new Date(ms)));
  }

  openFolder(path: SystemPath): FolderReader {
    const fd = this.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    const folder = this.#anchored ? `/proc/self/fd/${fd}` : this.#plain(path);
    return new NodeFolderReader(fd, folder, (name) =>
      unlessMissing(() => factsOf(lstatSync(joinPath(folder, rawName(name))))),
    );
  }

  enter(path: SystemPath): PortableFolder {
    return new PortableFolder(this.#plain(path), this.open(path, constants.O_RDONLY | constants.O_DIRECTORY));
  }

  isGone(): boolean {
    return fstatSync(this.#fd).nlink === 0;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Run with a path whose folder part cannot be redirected any more. */
  at<T>(path: SystemPath, use: (full: SystemPath) => T): T {
    if (path.length === 0) return use(joinPath(this.#folder, '.'));
    const [parent, name] = splitPath(path);
    if (parent.length === 0) return use(joinPath(this.#folder, name));
    if (!this.#anchored) return use(joinPath(this.#checked(parent), name));
    let fd = -1;
    try {
      for (const segment of segmentsOf(parent)) {
        const next = openSync(joinPath(fd === -1 ? this.#folder : `/proc/self/fd/${fd}`, segment), FOLDER_FLAGS);
        if (fd !== -1) closeSync(fd);
        fd = next;
      }
      return use(joinPath(`/proc/self/fd/${fd}`, name));
    } finally {
      if (fd !== -1) closeSync(fd);
    }
  }

  #checked(parent: SystemPath): SystemPath {
    let folder = this.#folder;
    for (const segment of segmentsOf(parent)) {
      folder = joinPath(folder, segment);
      if (!lstatSync(folder).isDirectory()) throw systemError(20, 'lstat');
    }
    return folder;
  }

  #plain(path: SystemPath): SystemPath {
    return path.length === 0 ? this.#folder : joinPath(this.#folder, path);
  }

  #change(path: SystemPath, change: (full: SystemPath) => void): void {
    if (!this.#anchored) {
      this.targetFacts(path);
      this.at(path, change);
      return;
    }
    // The magic link leads to exactly the object that was checked, also where its own mode forbids to open it.
    withDescriptor(this.open(path, O_PATH), (fd) => {
      if (factsOfOpen(fd).kind === 'symlink') throw Object.assign(new Error('ELOOP: open'), { code: 'ELOOP' });
      change(`/proc/self/fd/${fd}`);
    });
  }
}

/** Streams names from the kernel in slices, so that a folder of any size costs little memory. */
export class NodeFolderReader implements FolderReader {
  readonly #fd: number;
  readonly #folder;
  readonly facts: (name: string) => FileFacts | null;

  constructor(fd: number, folder: SystemPath, facts: (name: string) => FileFacts | null) {
    this.#fd = fd;
    this.facts = facts;
    try {
      this.#folder = opendirSync(folder.toString(), { encoding: 'latin1', bufferSize: 512 });
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  read(count: number): string[] {
    const names: string[] = [];
    while (names.length < count) {
      const next = this.#folder.readSync();
      if (next === null) break;
      names.push(next.name);
    }
    return names;
  }

  close(): void {
    this.#folder.closeSync();
    closeSync(this.#fd);
  }
}

// oxlint-disable-next-line no-control-regex -- bytes above ASCII are the subject
const NOT_ASCII = /[^\x00-\x7f]/;

/** A name as a folder reader gives it (one byte per character), as a path segment. */
export function rawName(latin1: string): SystemPath {
  return NOT_ASCII.test(latin1) ? Buffer.from(latin1, 'latin1') : latin1;
}

function portable(folder: RootedFolder): PortableFolder {
  if (folder instanceof PortableFolder) return folder;
  throw new Error('Roots of two implementations cannot rename into one another');
}

/** link + unlink is atomic about the new name; what cannot be linked is checked and renamed. */
export function renameExclusive(source: SystemPath, target: SystemPath): boolean {
  if (lstatSync(source).isFile()) {
    try {
      if (!linkExclusive(source, target)) return false;
      unlinkSync(source);
      return true;
    } catch (error) {
      // File systems without hard links.
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(errorCode(error))) throw error;
    }
  }
  if (unlessMissing(() => lstatSync(target)) !== null) return false;
  renameSync(source, target);
  return true;
}

function linkExclusive(source: SystemPath, target: SystemPath): boolean {
  try {
    linkSync(source, target);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}
