/** Reads WORKER_SLOT and WORKER_COUNT, which the parent process sets; a worker that was started by hand is alone. */
export function workerPlace(env) {
  const count = Number(env['WORKER_COUNT'] ?? '1');
  const slot = Number(env['WORKER_SLOT'] ?? '0');
  if (!Number.isInteger(count) || !Number.isInteger(slot) || count < 1 || slot < 0 || slot >= count) {
    throw new RangeError(`WORKER_SLOT ${slot} of WORKER_COUNT ${count} is not a place`);
  }
  return { slot, count };
}
/** The part of the passive range that belongs to one worker: the parts are disjoint and cover the range. */
export function passiveShare(range, { slot, count }) {
  const size = range.last - range.first + 1;
  const start = (index) => range.first + Math.floor((size * index) / count);
  return { first: start(slot), last: start(slot + 1) - 1 };
}
//# sourceMappingURL=passive-share.js.map
