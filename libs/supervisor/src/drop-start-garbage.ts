/** Until then what was left for after the start (first answers to the parent, lazy modules) is done as well. */
const AFTER_MS = 2_000;

/**
 * Collects, a moment after this call, what the start of a process left behind: V8 would keep it until it needs the room,
 * which a process at rest never does. Where Node was not started with `--expose-gc` nothing happens.
 */
export function dropStartGarbage(): void {
  const { gc } = globalThis;
  if (gc !== undefined) setTimeout(() => gc(), AFTER_MS).unref();
}
