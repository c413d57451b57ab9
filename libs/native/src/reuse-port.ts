import { closeSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { constants } from 'node:os';
import { cLibrary, systemError } from './c-library.js';

export interface ReusePortAddress {
  /** IP literal. `::` also takes IPv4 connections; every other IPv6 address takes IPv6 only. */
  readonly host: string;
  /** 0 lets the kernel choose; {@link boundPort} tells which. */
  readonly port: number;
  /** Connections the kernel holds before they are accepted. */
  readonly backlog?: number;
}

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const { EINVAL, ENOSYS } = constants.errno;

interface Calls {
  errno(): number;
  socket(family: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Buffer, size: number): number;
  bind(fd: number, address: Buffer, size: number): number;
  listen(fd: number, backlog: number): number;
  getsockname(fd: number, address: Buffer, size: Buffer): number;
  inetPton(family: number, text: string, out: Buffer): number;
}

let calls: Calls | null | undefined;

function socketCalls(): Calls | null {
  if (calls !== undefined) return calls;
  const library = cLibrary();
  calls =
    library === null
      ? null
      : {
          errno: () => library.koffi.errno(),
          socket: library.bind('int socket(int family, int type, int protocol)'),
          setsockopt: library.bind('int setsockopt(int fd, int level, int name, const void *value, uint size)'),
          bind: library.bind('int bind(int fd, const void *address, uint size)'),
          listen: library.bind('int listen(int fd, int backlog)'),
          getsockname: library.bind('int getsockname(int fd, void *address, void *size)'),
          inetPton: library.bind('int inet_pton(int family, const char *text, void *out)'),
        };
  return calls;
}

/**
 * A listening socket that shares its port with those of other processes of the same user (SO_REUSEPORT); the kernel
 * balances connections over them. The descriptor is for `net.Server.listen({ fd })`, whose close closes it. Null where
 * the platform has no such thing. Throws system errors (EADDRINUSE, EACCES, EADDRNOTAVAIL, …).
 */
export function listenReusePort({ host, port, backlog = 511 }: ReusePortAddress): number | null {
  const available = socketCalls();
  if (available === null) return null;
  const family = isIPv4(host) ? AF_INET : isIPv6(host) ? AF_INET6 : 0;
  const address = family === AF_INET ? Buffer.alloc(16) : Buffer.alloc(28);
  address.writeUInt16LE(family, 0);
  address.writeUInt16BE(port, 2);
  const field = address.subarray(family === AF_INET ? 4 : 8);
  if (family === 0 || available.inetPton(family, host, field) !== 1) throw systemError(EINVAL, 'bind');
  const check = (result: number, syscall: string): number => {
    if (result < 0) throw systemError(available.errno(), syscall);
    return result;
  };
  const fd = check(available.socket(family, SOCK_STREAM_NONBLOCK_CLOEXEC, 0), 'socket');
  try {
    const set = (level: number, name: number, on: boolean) => {
      const value = Buffer.alloc(4);
      value.writeInt32LE(on ? 1 : 0);
      check(available.setsockopt(fd, level, name, value, 4), 'setsockopt');
    };
    set(SOL_SOCKET, SO_REUSEADDR, true);
    set(SOL_SOCKET, SO_REUSEPORT, true);
    if (family === AF_INET6) set(IPPROTO_IPV6, IPV6_V6ONLY, host !== '::');
    check(available.bind(fd, address, address.length), 'bind');
    check(available.listen(fd, backlog), 'listen');
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The port that a socket of {@link listenReusePort} has. */
export function boundPort(fd: number): number {
  const available = socketCalls();
  if (available === null) throw systemError(ENOSYS, 'getsockname');
  const address = Buffer.alloc(28);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(address.length);
  if (available.getsockname(fd, address, size) < 0) throw systemError(available.errno(), 'getsockname');
  return address.readUInt16BE(2);
}
