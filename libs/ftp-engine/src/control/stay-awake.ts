/** What is waited at most, in milliseconds. */
const AWAKE_MS = 0.2;

let untilMs = 0;
let looking = false;

/**
 * Look for input without sleeping for a moment from `nowMs` (of `performance.now()`) on. Who has nothing to do sleeps,
 * and in a virtual machine its core does: to be woken takes longer than a client nearby takes for its next command.
 */
export function stayAwake(nowMs: number): void {
  untilMs = nowMs + AWAKE_MS;
  if (looking) return;
  looking = true;
  setImmediate(look);
}

/** While an immediate waits, the event loop asks the kernel for input without waiting for any. */
function look(): void {
  if (performance.now() < untilMs) setImmediate(look);
  else looking = false;
}
