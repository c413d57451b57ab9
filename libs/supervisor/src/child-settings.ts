import { setFlagsFromString } from 'node:v8';

/**
 * While a child loads its modules, nothing runs often enough that it would pay to compile it, and on one processor the
 * compiler only takes turns with the loading. {@link letCompile} ends this.
 */
const LOADING = '--no-opt';

/** For a child's first line after its imports: what comes then, such as the replay of a spool, may be much. */
export function letCompile(): void {
  if (process.execArgv.includes(LOADING)) setFlagsFromString('--opt');
}

/**
 * Options of Node.js for children of which there is one for every core. Threads that collect garbage beside the main one
 * would only take turns with it, and cost a fifth of what a small upload costs. V8's memory reducer collects half a
 * minute after work has stopped, and what it takes are the shapes of objects of which none is alive just then: with them
 * goes all code that was compiled for them, and the next customers meet a process that is twice as slow. And V8 keeps
 * eight functions that are to be compiled in a queue and forgets what is asked for beyond: a rehearsal asks for hundreds.
 */
export const WORKER_NODE_OPTIONS: readonly string[] = [
  '--no-parallel-scavenge',
  '--no-memory-reducer',
  '--concurrent-recompilation-queue-length=512',
  LOADING,
];

/**
 * Options of Node.js for API and consumer, which rest most of the time: a young generation of 4 MiB a half instead of 16,
 * which a start fills and a process at rest hardly gives back, but at once, so that the start collects it less often; and
 * `gc` for what the start leaves behind.
 */
export const RESTING_NODE_OPTIONS: readonly string[] = [
  '--min-semi-space-size=4',
  '--max-semi-space-size=4',
  '--expose-gc',
  LOADING,
];

/**
 * For glibc, in the environment of a child: one heap for all threads, since with one per thread the buffers of long
 * transfers leave twice the memory behind. And more freed pieces of each size that are kept at hand than seven: a TLS
 * handshake takes and gives back hundreds, and sixteen sessions at a time cost a thirtieth more without.
 */
export const GLIBC_SETTINGS = {
  MALLOC_ARENA_MAX: '1',
  GLIBC_TUNABLES: 'glibc.malloc.tcache_count=100',
} as const;
