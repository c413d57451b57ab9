import { closeSync, constants, fstatSync, type Stats } from 'node:fs';
import { errorCode } from './c-library.js';

/**
 * A path below a root: relative, no empty, `.` or `..` segment, `''` for the root itself. A Buffer where the name is
 * not valid UTF-8.
 */
export type SystemPath = string | Buffer;

/** What lstat or stat tells of one name. */
export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly size: number;
  readonly modifiedMs: number;
  /** Permission bits, 0o7777. */
  readonly mode: number;
  readonly device: number;
  readonly inode: number;
  readonly links: number;
}

/** An open file as its journal knows it. */
export interface FileIdentity {
  readonly facts: FileFacts;
  /** `<device>.<inode>.<birth in ns>`, decimal and exact: no two objects of a machine have the same. */
  readonly identity: string;
}

/** A directory open for listing. Names are raw bytes, one per latin1 character. */
export interface FolderReader {
  /** Up to `count` names, without `.` and `..`; empty at the end. */
  read(count: number): string[];
  /** lstat of one of these names; null where it is gone meanwhile. */
  facts(name: string): FileFacts | null;
  close(): void;
}

/** A folder that no path, symlink or race leads out of. All calls are synchronous and throw Node-like system errors. */
export interface RootedFolder {
  /** `openat2`: the kernel resolves beneath the root. `portable`: component by component; symlinks are refused. */
  readonly kind: 'openat2' | 'portable';
  /** Whether `rename(…, 'exchange')` works; becomes false when the file system turns out not to know it. */
  readonly exchanges: boolean;
  /** Never blocks on a FIFO or device (O_NONBLOCK); the caller must `fstat` before it reads or writes. */
  open(path: SystemPath, flags: number, mode?: number): number;
  /**
   * lstat; null where the name does not exist, ENOENT where its parent does not. With `folderSeen`, a caller that has
   * seen the parent a moment ago takes null for both.
   */
  facts(path: SystemPath, folderSeen?: boolean): FileFacts | null;
  /** stat: follows symlinks as far as this root allows; EXDEV or ELOOP where they leave it. */
  targetFacts(path: SystemPath): FileFacts;
  /** fstat. */
  factsOfOpen(fd: number): FileFacts;
  identityOf(fd: number): FileIdentity;
  makeDirectory(path: SystemPath, mode: number): void;
  removeDirectory(path: SystemPath): void;
  /** False where there was no such name. */
  unlink(path: SystemPath): boolean;
  /**
   * `exclusive` returns false where the new name is taken. `exchange` swaps two names atomically and returns false
   * where it is not to be had. `to` may be another root of the same implementation and file system.
   */
  rename(from: SystemPath, to: RootedFolder, toPath: SystemPath, how: 'replace' | 'exclusive' | 'exchange'): boolean;
  /** Hard link; false where the new name is taken. */
  link(from: SystemPath, to: RootedFolder, toPath: SystemPath): boolean;
  setMode(path: SystemPath, mode: number): void;
  setModified(path: SystemPath, ms: number): void;
  openFolder(path: SystemPath): FolderReader;
  /** A root further down. */
  enter(path: SystemPath): RootedFolder;
  /** Whether the folder itself was removed from its file system. */
  isGone(): boolean;
  close(): void;
}

/** Linux: an anchor that resolves nothing and opens nothing; 0 elsewhere. */
export const O_PATH = process.platform === 'linux' ? 0o10000000 : 0;

/** Flags of every open below a root. */
export const SAFE_FLAGS = constants.O_NONBLOCK | constants.O_NOCTTY;

const SLASH = 0x2f;

/** Parent and last segment; the parent is empty for a name directly below the root. */
export function splitPath(path: SystemPath): readonly [parent: SystemPath, name: SystemPath] {
  if (typeof path === 'string') {
    const cut = path.lastIndexOf('/');
    return cut === -1 ? ['', path] : [path.slice(0, cut), path.slice(cut + 1)];
  }
  const cut = path.lastIndexOf(SLASH);
  return cut === -1 ? ['', path] : [path.subarray(0, cut), path.subarray(cut + 1)];
}

export function segmentsOf(path: SystemPath): SystemPath[] {
  if (path.length === 0) return [];
  if (typeof path === 'string') return path.split('/');
  const segments: SystemPath[] = [];
  let start = 0;
  for (let cut = path.indexOf(SLASH); cut !== -1; cut = path.indexOf(SLASH, start)) {
    segments.push(path.subarray(start, cut));
    start = cut + 1;
  }
  segments.push(path.subarray(start));
  return segments;
}

export function joinPath(base: SystemPath, name: SystemPath): SystemPath {
  if (typeof base === 'string' && typeof name === 'string') return `${base}/${name}`;
  return Buffer.concat([Buffer.from(base as string), Buffer.from('/'), Buffer.from(name as string)]);
}

export function factsOf(stats: Stats): FileFacts {
  return {
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'other',
    size: stats.size,
    modifiedMs: Math.floor(stats.mtimeMs),
    mode: stats.mode & 0o7777,
    device: stats.dev,
    inode: stats.ino,
    links: stats.nlink,
  };
}

/** Facts of an open file. */
export function factsOfOpen(fd: number): FileFacts {
  return factsOf(fstatSync(fd));
}

/** Run with a descriptor and close it whatever happens. */
export function withDescriptor<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** The value, or null where the call failed with ENOENT. */
export function unlessMissing<T>(call: () => T): T | null {
  try {
    return call();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}
