import { cLibrary } from './c-library.js';

/**
 * Gives memory that this process no longer uses back to the system: dropped objects where Node was started with
 * `--expose-gc`, and what glibc keeps of freed blocks. Stops everything else for up to some tenths of a second; where
 * neither is to be had, nothing happens.
 */
export function giveBackMemory(): void {
  const { gc } = globalThis;
  gc?.();
  // What the first one found unreachable may have been all that held something else (finalizers).
  gc?.();
  try {
    const trim = cLibrary()?.bind('int malloc_trim(size_t pad)') as ((pad: number) => number) | undefined;
    trim?.(0);
  } catch {
    // Not glibc.
  }
}
