import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import type koffi from 'koffi';

export type Koffi = typeof koffi;

/** The process's own symbols (libc, and the OpenSSL that Node exports) through koffi. */
export interface CLibrary {
  readonly koffi: Koffi;
  /** Bind a function by its C prototype; throws where the symbol does not exist. */
  bind(prototype: string): ReturnType<ReturnType<Koffi['load']>['func']>;
}

let loaded: CLibrary | null | undefined;

/** koffi, loaded at the first call only; null where it is not installed or not on Linux. */
export function cLibrary(): CLibrary | null {
  if (loaded !== undefined) return loaded;
  loaded = null;
  if (process.platform !== 'linux') return loaded;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    const handle = koffi.load(null);
    loaded = { koffi, bind: (prototype) => handle.func(prototype) };
  } catch {
    // No prebuilt binary for this platform: every caller has a portable way.
  }
  return loaded;
}

/** fcntl(2) with an int; negative where it fails. */
export function bindFcntl(library: CLibrary): (fd: number, command: number, value: number) => number {
  const fcntl = library.bind('int fcntl(int fd, int command, ...)') as (
    fd: number,
    command: number,
    type: string,
    value: number,
  ) => number;
  return (fd, command, value) => fcntl(fd, command, 'int', value);
}

/** An error in the form of Node's own system errors: `code`, `errno` (negative), `syscall`. */
export function systemError(errno: number, syscall: string): NodeJS.ErrnoException {
  const code = errnoName(errno);
  return Object.assign(new Error(`${code}: ${syscall}`), { code, errno: -errno, syscall });
}

function errnoName(errno: number): string {
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `E${errno}`;
  }
}

/** The `code` of a system error; empty for anything else. (`instanceof Error` would miss errors of another realm.) */
export function errorCode(thrown: unknown): string {
  const code = (thrown as { readonly code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
