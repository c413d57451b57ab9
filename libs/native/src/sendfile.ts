import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { bindFcntl, cLibrary, systemError, type CLibrary } from './c-library.js';

export interface SendFileOptions {
  /** Descriptor of a connected, non-blocking socket; duplicated at once, so Node may close its own meanwhile. */
  readonly socketFd: number;
  /** Descriptor of a regular file, duplicated too. */
  readonly fileFd: number;
  readonly start: number;
  readonly length: number;
  readonly signal: AbortSignal;
  /** Called after each piece with its bytes; at a promise the next piece waits (throttling). */
  readonly onProgress?: (bytes: number) => void | Promise<void>;
  /** Largest piece in bytes. */
  readonly pieceBytes?: number;
}

const F_DUPFD_CLOEXEC = 1030;
const { EAGAIN, EINTR, ENOSYS } = constants.errno;
/** What one call may send: big enough to make the thread hop cheap, small enough to notice an abort. */
const PIECE_BYTES = 16 * 1024 * 1024;
/** A synchronous retry, made only to learn an error code, sends no more than this. */
const PROBE_BYTES = 64 * 1024;

type Send = (socket: number, file: number, offset: Buffer, count: number) => number;
type SendAsync = (
  socket: number,
  file: number,
  offset: Buffer,
  count: number,
  done: (error: unknown, sent: number) => void,
) => void;

interface Calls {
  readonly library: CLibrary;
  readonly send: Send & { readonly async: SendAsync };
  duplicate(fd: number): number;
}

let calls: Calls | null | undefined;

function sendFileCalls(): Calls | null {
  if (calls !== undefined) return calls;
  calls = null;
  const library = cLibrary();
  if (library === null || typeof library.koffi.node?.poll !== 'function') return calls;
  try {
    const fcntl = bindFcntl(library);
    calls = {
      library,
      send: library.bind('long sendfile64(int socket, int file, void *offset, size_t count)') as Calls['send'],
      duplicate: (fd) => {
        const copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0) throw systemError(library.koffi.errno(), 'fcntl');
        return copy;
      },
    };
  } catch {
    // No such symbol in this libc.
  }
  return calls;
}

/** Whether {@link sendFile} works here; else read and write. */
export function hasSendFile(): boolean {
  return sendFileCalls() !== null;
}

/**
 * Send part of a file over a socket without its bytes entering the process (sendfile(2) on libuv's thread pool). The
 * caller must have flushed what it wrote to the socket before. Resolves to the bytes sent, which are fewer than `length`
 * only where the file ends before. Rejects with the signal's reason, or with a system error (EPIPE, ECONNRESET, …).
 */
export async function sendFile(options: SendFileOptions): Promise<number> {
  const available = sendFileCalls();
  if (available === null) throw systemError(ENOSYS, 'sendfile');
  const { signal, start, length, onProgress, pieceBytes = PIECE_BYTES } = options;
  const socket = available.duplicate(options.socketFd);
  let file = -1;
  try {
    file = available.duplicate(options.fileFd);
    const offset = Buffer.alloc(8);
    let sent = 0;
    while (sent < length) {
      signal.throwIfAborted();
      offset.writeBigInt64LE(BigInt(start + sent));
      const asked = Math.min(pieceBytes, length - sent);
      const piece = await sendPiece(available, socket, file, offset, asked);
      if (piece === 0) break;
      if (piece > 0) {
        sent += piece;
        const pause = onProgress?.(piece);
        if (pause !== undefined) await pause;
        // The socket is full, or the file ended, which the next call tells: to ask at once would cost two more calls.
        if (piece < asked) await writable(available, socket, signal);
      } else if (-piece === EAGAIN) {
        await writable(available, socket, signal);
      } else if (-piece !== EINTR) {
        throw systemError(-piece, 'sendfile');
      }
    }
    return sent;
  } finally {
    closeSync(socket);
    if (file !== -1) closeSync(file);
  }
}

/** Bytes sent, or the negative errno. */
async function sendPiece(calls: Calls, socket: number, file: number, offset: Buffer, count: number): Promise<number> {
  const sent = await new Promise<number>((resolve, reject) => {
    calls.send.async(socket, file, offset, count, (error, result) => {
      if (error === null || error === undefined) resolve(result);
      else reject(error instanceof Error ? error : new Error('sendfile failed'));
    });
  });
  if (sent >= 0) return sent;
  // errno belongs to the thread that called, so ask again on this one; the socket does not block.
  const again = calls.send(socket, file, offset, Math.min(count, PROBE_BYTES));
  return again >= 0 ? again : -calls.library.koffi.errno();
}

function writable(calls: Calls, socket: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    // A reset or closed peer counts as writable too; the next sendfile tells which.
    const handle = calls.library.koffi.node.poll(socket, { writable: true }, () => settle(resolve));
    const onAbort = () => settle(() => reject(signal.reason as Error));
    const settle = (then: () => void) => {
      signal.removeEventListener('abort', onAbort);
      handle.stop();
      handle.close();
      then();
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
