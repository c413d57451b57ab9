import { chmodSync, closeSync, constants, fstatSync, openSync, utimesSync } from 'node:fs';
import { constants as os } from 'node:os';
import { cLibrary, errorCode, systemError } from './c-library.js';
import { NodeFolderReader, rawName, renameExclusive } from './portable-folder.js';
import {
  type FileFacts,
  type FileIdentity,
  type FolderReader,
  joinPath,
  O_PATH,
  type RootedFolder,
  SAFE_FLAGS,
  splitPath,
  type SystemPath,
  withDescriptor,
} from './rooted-folder.js';

const SYS_OPENAT2 = 437; // the same on every architecture
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_BENEATH = 0x08;
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;
const O_CLOEXEC = 0o2000000;
const FOLDER_FLAGS = O_PATH | constants.O_DIRECTORY;
const { EAGAIN, EEXIST, EINVAL, ENOENT, ENOSYS } = os.errno;

interface Calls {
  errno(): number;
  openat2(number: number, fd: number, path: SystemPath, how: Buffer, size: number): number;
  statx(fd: number, path: SystemPath, flags: number, mask: number, out: Uint32Array): number;
  mkdirat(fd: number, name: SystemPath, mode: number): number;
  unlinkat(fd: number, name: SystemPath, flags: number): number;
  renameat2(fromFd: number, from: SystemPath, toFd: number, to: SystemPath, flags: number): number;
  linkat(fromFd: number, from: SystemPath, toFd: number, to: SystemPath, flags: number): number;
}

let calls: Calls | null | undefined;

/** The kernel calls, or null where koffi, glibc or the kernel (before 5.6, or a seccomp filter) lacks one. */
function beneathCalls(): Calls | null {
  if (calls !== undefined) return calls;
  calls = null;
  const library = cLibrary();
  if (library === null) return calls;
  try {
    const { koffi } = library;
    const bind = (prototype: string) => library.bind(prototype);
    const bound: Calls = {
      errno: () => koffi.errno(),
      openat2: bind('long syscall(long n, int fd, const char *path, const void *how, size_t size)'),
      statx: bind('int statx(int fd, const char *path, int flags, uint mask, void *out)'),
      mkdirat: bind('int mkdirat(int fd, const char *path, uint mode)'),
      unlinkat: bind('int unlinkat(int fd, const char *path, int flags)'),
      renameat2: bind('int renameat2(int fromFd, const char *from, int toFd, const char *to, uint flags)'),
      linkat: bind('int linkat(int fromFd, const char *from, int toFd, const char *to, int flags)'),
    };
    if (works(bound)) calls = bound;
  } catch {
    // An old libc without one of the symbols.
  }
  return calls;
}

function works(bound: Calls): boolean {
  return withDescriptor(openSync('/', constants.O_RDONLY | constants.O_DIRECTORY), (fd) => {
    const opened = bound.openat2(SYS_OPENAT2, fd, '.', how(FOLDER_FLAGS, 0), HOW_SIZE);
    if (opened < 0) return false;
    closeSync(opened);
    const escaped = bound.openat2(SYS_OPENAT2, fd, '..', how(FOLDER_FLAGS, 0), HOW_SIZE);
    if (escaped >= 0) closeSync(escaped);
    return escaped < 0 && bound.statx(fd, '', AT_EMPTY_PATH, STATX_BASIC_STATS, statx) === 0;
  });
}

/** Whether {@link NativeFolder} can be used here. */
export function hasNativeFolder(): boolean {
  return beneathCalls() !== null;
}

// struct open_how { u64 flags, mode, resolve } and struct statx; reused, because every call is synchronous.
const HOW_SIZE = 24;
const openHow = new Uint32Array(HOW_SIZE / 4);
const openHowBytes = Buffer.from(openHow.buffer);
const statx = new Uint32Array(256 / 4);

function how(flags: number, mode: number): Buffer {
  openHow[0] = flags | O_CLOEXEC;
  openHow[2] = mode;
  openHow[4] = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return openHowBytes;
}

/** A rooted folder that the kernel guards: openat2(2) with RESOLVE_BENEATH refuses what leads out, without a race. */
export class NativeFolder implements RootedFolder {
  readonly kind = 'openat2';
  readonly #calls: Calls;
  readonly #fd: number;
  #exchanges = true;

  constructor(folder: string | number) {
    const available = beneathCalls();
    if (available === null) throw new Error('openat2 is not available here');
    this.#calls = available;
    this.#fd = typeof folder === 'number' ? folder : openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  }

  get exchanges(): boolean {
    return this.#exchanges;
  }

  open(path: SystemPath, flags: number, mode = 0): number {
    const fd = this.#open(path, flags, mode);
    if (fd < 0) throw systemError(this.#calls.errno(), 'openat2');
    return fd;
  }

  facts(path: SystemPath, folderSeen = false): FileFacts | null {
    if (path.length === 0) return this.#statx(this.#fd, '.', AT_SYMLINK_NOFOLLOW);
    if (!path.includes('/')) return this.#statx(this.#fd, terminated(path), AT_SYMLINK_NOFOLLOW);
    // One call for what most uploads meet: a free name.
    const fd = this.#open(path, O_PATH | constants.O_NOFOLLOW, 0);
    if (fd >= 0) return withDescriptor(fd, () => this.factsOfOpen(fd));
    const errno = this.#calls.errno();
    if (errno !== ENOENT) throw systemError(errno, 'openat2');
    // The same answer comes where the folder is missing.
    if (!folderSeen) closeSync(this.open(splitPath(path)[0], FOLDER_FLAGS));
    return null;
  }

  targetFacts(path: SystemPath): FileFacts {
    return withDescriptor(this.open(path, O_PATH), (fd) => this.factsOfOpen(fd));
  }

  factsOfOpen(fd: number): FileFacts {
    return this.#statx(fd, '', AT_EMPTY_PATH)!;
  }

  identityOf(fd: number): FileIdentity {
    this.#check(this.#calls.statx(fd, '', AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, statx), 'statx');
    return { facts: decodeStatx(), identity: decodeIdentity() };
  }

  makeDirectory(path: SystemPath, mode: number): void {
    this.at(path, (fd, name) => this.#check(this.#calls.mkdirat(fd, name, mode), 'mkdirat'));
  }

  removeDirectory(path: SystemPath): void {
    this.at(path, (fd, name) => this.#check(this.#calls.unlinkat(fd, name, AT_REMOVEDIR), 'unlinkat'));
  }

  unlink(path: SystemPath): boolean {
    return this.at(path, (fd, name) => this.#checkUnless(this.#calls.unlinkat(fd, name, 0), ENOENT, 'unlinkat'));
  }

  rename(from: SystemPath, to: RootedFolder, toPath: SystemPath, how: 'replace' | 'exclusive' | 'exchange'): boolean {
    const flags = how === 'replace' ? 0 : how === 'exclusive' ? RENAME_NOREPLACE : RENAME_EXCHANGE;
    return this.at(from, (fromFd, source) =>
      native(to).at(toPath, (toFd, target) => {
        if (this.#calls.renameat2(fromFd, source, toFd, target, flags) === 0) return true;
        const errno = this.#calls.errno();
        if (errno === EEXIST && how === 'exclusive') return false;
        if ((errno === EINVAL || errno === ENOSYS) && how === 'exchange') return (this.#exchanges = false);
        if ((errno === EINVAL || errno === ENOSYS) && how === 'exclusive') {
          return renameExclusive(
            joinPath(`/proc/self/fd/${fromFd}`, source),
            joinPath(`/proc/self/fd/${toFd}`, target),
          );
        }
        throw systemError(errno, 'renameat2');
      }),
    );
  }

  link(from: SystemPath, to: RootedFolder, toPath: SystemPath): boolean {
    return this.at(from, (fromFd, source) =>
      native(to).at(toPath, (toFd, target) =>
        this.#checkUnless(this.#calls.linkat(fromFd, source, toFd, target, 0), EEXIST, 'linkat'),
      ),
    );
  }

  setMode(path: SystemPath, mode: number): void {
    withDescriptor(this.open(path, O_PATH), (fd) => chmodSync(`/proc/self/fd/${fd}`, mode));
  }

  setModified(path: SystemPath, ms: number): void {
    withDescriptor(this.open(path, O_PATH), (fd) => utimesSync(`/proc/self/fd/${fd}`, new Date(), new Date(ms)));
  }

  openFolder(path: SystemPath): FolderReader {
    const fd = this.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    return new NodeFolderReader(fd, `/proc/self/fd/${fd}`, (name) =>
      this.#statx(fd, terminated(rawName(name)), AT_SYMLINK_NOFOLLOW),
    );
  }

  enter(path: SystemPath): NativeFolder {
    return new NativeFolder(this.open(path, constants.O_RDONLY | constants.O_DIRECTORY));
  }

  isGone(): boolean {
    return fstatSync(this.#fd).nlink === 0;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Run with the descriptor of the folder that holds the name: one segment cannot lead out of it. */
  at<T>(path: SystemPath, use: (fd: number, name: SystemPath) => T): T {
    if (path.length === 0) return use(this.#fd, '.');
    const [parent, name] = splitPath(path);
    if (parent.length === 0) return use(this.#fd, terminated(name));
    return withDescriptor(this.open(parent, FOLDER_FLAGS), (fd) => use(fd, terminated(name)));
  }

  /** Negative where it failed. */
  #open(path: SystemPath, flags: number, mode: number): number {
    const safe = (flags & O_PATH) === 0 ? flags | SAFE_FLAGS : flags;
    const name = terminated(path);
    // EAGAIN: something was renamed while the kernel resolved `..` inside a symlink; it asks to try again.
    for (let attempt = 0; ; attempt++) {
      const fd = this.#calls.openat2(SYS_OPENAT2, this.#fd, name, how(safe, mode), HOW_SIZE);
      if (fd >= 0 || attempt === 64 || this.#calls.errno() !== EAGAIN) return fd;
    }
  }

  #statx(fd: number, name: SystemPath, flags: number): FileFacts | null {
    if (!this.#checkUnless(this.#calls.statx(fd, name, flags, STATX_BASIC_STATS, statx), ENOENT, 'statx')) return null;
    return decodeStatx();
  }

  #check(result: number, syscall: string): void {
    if (result < 0) throw systemError(this.#calls.errno(), syscall);
  }

  #checkUnless(result: number, tolerated: number, syscall: string): boolean {
    if (result >= 0) return true;
    const errno = this.#calls.errno();
    if (errno === tolerated) return false;
    throw systemError(errno, syscall);
  }
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
const WORD = 0x1_0000_0000;

/** struct statx: the layout is the same on every architecture; Node runs on little-endian ones only with koffi. */
function decodeStatx(): FileFacts {
  const mode = statx[28 / 4]! & 0xffff;
  const type = mode & S_IFMT;
  return {
    kind: type === S_IFREG ? 'file' : type === S_IFDIR ? 'directory' : type === S_IFLNK ? 'symlink' : 'other',
    size: statx[44 / 4]! * WORD + statx[40 / 4]!,
    modifiedMs: secondsAt(112) * 1000 + Math.floor(statx[120 / 4]! / 1_000_000),
    mode: mode & 0o7777,
    device: deviceOf(statx[136 / 4]!, statx[140 / 4]!),
    inode: statx[36 / 4]! * WORD + statx[32 / 4]!,
    links: statx[16 / 4]!,
  };
}

/** As FileIdentity says; numbers beyond 2^53 are put together exactly. */
function decodeIdentity(): string {
  const inode = statx[36 / 4]! < 0x20_0000 ? statx[36 / 4]! * WORD + statx[32 / 4]! : wordsAt(32);
  const seconds = secondsAt(80);
  const born = seconds > 0 ? seconds + String(statx[88 / 4]!).padStart(9, '0') : bornEarly(seconds);
  return `${deviceOf(statx[136 / 4]!, statx[140 / 4]!)}.${inode}.${born}`;
}

/** Without a birth time the file system says 0. */
function bornEarly(seconds: number): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(statx[88 / 4]!);
}

function wordsAt(offset: number): bigint {
  return (BigInt(statx[offset / 4 + 1]!) << 32n) | BigInt(statx[offset / 4]!);
}

/** Signed: there is a time before 1970. */
function secondsAt(offset: number): number {
  return (statx[offset / 4 + 1]! | 0) * WORD + statx[offset / 4]!;
}

/** glibc's makedev, as fstat reports it. */
function deviceOf(major: number, minor: number): number {
  return (
    (minor & 0xff) + (major & 0xfff) * 0x100 + (minor & ~0xff) * 0x1000 + Math.floor(major / 0x1000) * 0x1000_0000_0000
  );
}

/** koffi ends strings itself; bytes need their NUL. */
function terminated(path: SystemPath): SystemPath {
  if (path.length === 0) return '.';
  return typeof path === 'string' ? path : Buffer.concat([path, NUL]);
}

const NUL = Buffer.alloc(1);

function native(folder: RootedFolder): NativeFolder {
  if (folder instanceof NativeFolder) return folder;
  throw new Error('Roots of two implementations cannot rename into one another');
}

/** Whether an error means that a path tried to leave its root. */
export function isEscape(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ELOOP' || (code === 'EXDEV' && (error as NodeJS.ErrnoException).syscall === 'openat2');
}
