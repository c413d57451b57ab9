/**
 * Token bucket over bytes, with time passed in. A session keeps one per direction, so that many small transfers are held
 * to the same rate as one large one.
 */
export class Throttle {
  readonly #bytesPerSecond: number;
  readonly #burstBytes: number;
  #available: number;
  #refilledAtMs: number;

  /** @param burstBytes how much may pass at once; a quarter of a second's worth by default */
  constructor(bytesPerSecond: number, nowMs: number, burstBytes = Math.max(16_384, bytesPerSecond / 4)) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#burstBytes = burstBytes;
    this.#available = burstBytes;
    this.#refilledAtMs = nowMs;
  }

  /** Account for bytes that have passed; the answer is how many milliseconds to wait before the next ones. */
  spend(bytes: number, nowMs: number): number {
    const refill = (Math.max(0, nowMs - this.#refilledAtMs) / 1000) * this.#bytesPerSecond;
    this.#available = Math.min(this.#burstBytes, this.#available + refill) - bytes;
    this.#refilledAtMs = nowMs;
    return this.#available >= 0 ? 0 : Math.ceil((-this.#available / this.#bytesPerSecond) * 1000);
  }
}
