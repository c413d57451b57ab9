import { closeSync, constants as files, readSync } from 'node:fs';
import { constants } from 'node:os';
import { bindFcntl, cLibrary, systemError, type CLibrary } from './c-library.js';

const { EAGAIN, EBADF, EINTR, EINVAL, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM } = constants.errno;
/** Of the call and not of the connection: nothing was taken, and its bytes can still be read. */
const REFUSALS: ReadonlySet<number> = new Set([EPERM, EBADF, ENOMEM, EINVAL, ENOSYS, EOPNOTSUPP]);
const F_SETPIPE_SZ = 1031;
const O_CLOEXEC = 0o2000000;
const SPLICE_F_MOVE = 1;
const SPLICE_F_NONBLOCK = 2;
/** What an unprivileged process may have; a pipe that stays smaller moves less at a time. */
const PIPE_BYTES = 1024 * 1024;

type Splice = (
  from: number,
  fromAt: Buffer | null,
  to: number,
  toAt: Buffer | null,
  most: number,
  flags: number,
) => number;

interface Calls {
  readonly library: CLibrary;
  readonly splice: Splice;
  readonly pipe2: (ends: Buffer, flags: number) => number;
  readonly fcntl: ReturnType<typeof bindFcntl>;
}

/** Between a connection and a file; empty whenever nothing is being moved. */
interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
}

let calls: Calls | null | undefined;
let pipe: Pipe | null = null;
const offset = Buffer.alloc(8);

function spliceCalls(): Calls | null {
  if (calls !== undefined) return calls;
  calls = null;
  const library = cLibrary();
  if (library === null) return calls;
  try {
    calls = {
      library,
      splice: library.bind(
        'long splice(int from, _Inout_ void *fromAt, int to, _Inout_ void *toAt, size_t most, unsigned int flags)',
      ) as Splice,
      pipe2: library.bind('int pipe2(_Out_ void *ends, int flags)') as Calls['pipe2'],
      fcntl: bindFcntl(library),
    };
  } catch {
    // No such symbol in this libc.
  }
  return calls;
}

/** Whether {@link moveToFile} works here and now; else read and write. */
export function canMoveToFile(): boolean {
  const available = spliceCalls();
  if (available === null) return false;
  pipe ??= openPipe(available);
  return pipe !== null;
}

export interface Moved {
  /** Bytes that are in the file. */
  readonly bytes: number;
  /** What was taken from the connection behind them and the file did not take by this way; null for nothing. */
  readonly rest: Buffer | null;
}

/**
 * Move what has come on a non-blocking socket into a file at `at`, at most `mostBytes` and a megabyte, without its bytes
 * entering the process (splice(2)). Blocks for as long as the file takes to be written to, and never for the socket: zero
 * bytes where nothing has come, or the peer has ended. Null where this way is closed to this connection. Throws a system
 * error where the connection is broken.
 */
export function moveToFile(socketFd: number, fileFd: number, at: number, mostBytes: number): Moved | null {
  if (!canMoveToFile()) return null;
  const { splice, library } = calls!;
  const between = pipe!;
  const flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
  const taken = splice(socketFd, null, between.writeFd, null, mostBytes, flags);
  if (taken < 0) {
    const errno = library.koffi.errno();
    if (errno === EAGAIN || errno === EINTR) return { bytes: 0, rest: null };
    if (REFUSALS.has(errno)) return null;
    throw systemError(errno, 'splice');
  }
  let moved = 0;
  try {
    while (moved < taken) {
      offset.writeBigInt64LE(BigInt(at + moved));
      const bytes = splice(between.readFd, null, fileFd, offset, taken - moved, SPLICE_F_MOVE);
      if (bytes > 0) moved += bytes;
      else if (bytes === 0 || library.koffi.errno() !== EINTR) {
        return { bytes: moved, rest: takeBack(between, taken - moved) };
      }
    }
  } catch (error) {
    // The next upload must not get what is left in it.
    pipe = null;
    closeSync(between.readFd);
    closeSync(between.writeFd);
    throw error;
  }
  return { bytes: moved, rest: null };
}

/** From a file system without this way, or a file that cannot grow: who writes the bytes is told which. */
function takeBack({ readFd }: Pipe, bytes: number): Buffer {
  const rest = Buffer.allocUnsafe(bytes);
  for (let length = 0; length < bytes;) {
    const read = readSync(readFd, rest, length, bytes - length, null);
    if (read === 0) throw systemError(EBADF, 'read');
    length += read;
  }
  return rest;
}

/** Null where no more descriptors can be had. */
function openPipe({ pipe2, fcntl }: Calls): Pipe | null {
  const ends = Buffer.alloc(8);
  if (pipe2(ends, O_CLOEXEC | files.O_NONBLOCK) !== 0) return null;
  const opened = { readFd: ends.readInt32LE(0), writeFd: ends.readInt32LE(4) };
  fcntl(opened.writeFd, F_SETPIPE_SZ, PIPE_BYTES);
  return opened;
}
