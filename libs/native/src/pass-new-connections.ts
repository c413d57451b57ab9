import { cLibrary } from './c-library.js';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
/** Offset of the flags in a TCP header, where the filter of a TCP socket starts to read. */
const TCP_FLAGS = 13;
const SYN = 0x02;

/** Classic BPF: load the flags; drop where SYN is set; else keep the whole packet. */
const PROGRAM: readonly (readonly [code: number, jumpTrue: number, jumpFalse: number, value: number])[] = [
  [0x30, 0, 0, TCP_FLAGS],
  [0x45, 0, 1, SYN],
  [0x06, 0, 0, 0],
  [0x06, 0, 0, 0xffff_ffff],
];

interface Calls {
  setsockopt(fd: number, level: number, name: number, value: Buffer, size: number): number;
  address(buffer: Buffer): bigint;
}

let calls: Calls | null | undefined;

function filterCalls(): Calls | null {
  if (calls !== undefined) return calls;
  const library = cLibrary();
  calls =
    library === null
      ? null
      : {
          setsockopt: library.bind('int setsockopt(int fd, int level, int name, const void *value, uint size)'),
          address: (buffer) => library.koffi.address(buffer),
        };
  return calls;
}

/**
 * Make a listening socket deaf to new connections while it finishes those that have begun. The kernel would reset both
 * at its close, also where other processes listen on the same port. A client whose SYN is dropped sends it again after a
 * second, and then, with the socket closed, it reaches another process. False where the platform cannot, or
 * leaves socket filters to CAP_NET_ADMIN.
 */
export function passNewConnections(fd: number): boolean {
  const available = filterCalls();
  if (available === null) return false;
  const program = Buffer.alloc(PROGRAM.length * 8);
  for (const [index, [code, jumpTrue, jumpFalse, value]] of PROGRAM.entries()) {
    program.writeUInt16LE(code, index * 8);
    program.writeUInt8(jumpTrue, index * 8 + 2);
    program.writeUInt8(jumpFalse, index * 8 + 3);
    program.writeUInt32LE(value, index * 8 + 4);
  }
  // struct sock_fprog: a count, and a pointer at its natural alignment.
  const header = Buffer.alloc(16);
  header.writeUInt16LE(PROGRAM.length, 0);
  header.writeBigUInt64LE(available.address(program), 8);
  return available.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, header, header.length) === 0;
}
