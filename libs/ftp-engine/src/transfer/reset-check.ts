import { readSync } from 'node:fs';

const PROBE = Buffer.alloc(1);

/**
 * Whether a connection that has been read to its end was reset by its peer. libuv reports a plain end where the hang-up
 * comes together with the last bytes, without asking the kernel, which still knows: under load, a cut upload would pass
 * for a complete one. False where there is no descriptor to ask.
 */
export function endedByReset(fd: number | null): boolean {
  if (fd === null) return false;
  try {
    readSync(fd, PROBE, 0, 1, null);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNRESET';
  }
}
