/**
 * A rate limit in bytes per second that any number of transfers may share. Taking always succeeds and may leave a
 * debt; the answer says how long to wait for it, so that a big chunk is paid for, not refused. Time is passed in.
 */
export class TokenBucket {
  #ratePerSecond: number;
  #burstMs: number;
  #tokens: number;
  #atMs: number;

  /** @param burstMs how much unused time may be saved up; 1 s by default. */
  constructor(ratePerSecond: number, nowMs: number, burstMs = 1000) {
    this.#ratePerSecond = ratePerSecond;
    this.#burstMs = burstMs;
    this.#tokens = (ratePerSecond * burstMs) / 1000;
    this.#atMs = nowMs;
  }

  get ratePerSecond(): number {
    return this.#ratePerSecond;
  }

  /** Take `bytes` and return the ms to wait before moving more. `Infinity` at rate 0. */
  take(bytes: number, nowMs: number): number {
    this.#refill(nowMs);
    this.#tokens -= bytes;
    return this.waitMs(nowMs);
  }

  /** How long the present debt lasts. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs);
    if (this.#ratePerSecond <= 0) return Number.POSITIVE_INFINITY;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens / this.#ratePerSecond) * 1000);
  }

  /** Give back what was taken and not moved. */
  refund(bytes: number): void {
    this.#tokens = Math.min(this.#tokens + bytes, this.#capacity());
  }

  /** A new rate for running transfers: a debt keeps its length in time, which is short, instead of growing when the rate drops. */
  setRate(ratePerSecond: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#tokens = this.#ratePerSecond > 0 ? this.#tokens * (ratePerSecond / this.#ratePerSecond) : 0;
    this.#ratePerSecond = ratePerSecond;
  }

  #capacity(): number {
    return (this.#ratePerSecond * this.#burstMs) / 1000;
  }

  #refill(nowMs: number): void {
    // A clock that steps back refills nothing.
    const elapsedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = Math.max(this.#atMs, nowMs);
    this.#tokens = Math.min(this.#tokens + (this.#ratePerSecond * elapsedMs) / 1000, this.#capacity());
  }
}

/** Take the same bytes from every bucket that a transfer is under; the ms to wait is that of the slowest. */
export function takeFromAll(buckets: readonly TokenBucket[], bytes: number, nowMs: number): number {
  let waitMs = 0;
  for (const bucket of buckets) waitMs = Math.max(waitMs, bucket.take(bytes, nowMs));
  return waitMs;
}
