/**
 * Fires when `touch` was not called for `stallMs`. One timer per transfer however many chunks pass: touching only notes
 * the time. While held (we keep the peer waiting ourselves) it does not fire.
 */
export class StallTimer {
  readonly #stallMs: number;
  readonly #onStall: () => void;
  #timer: NodeJS.Timeout | null = null;
  #lastMs = 0;
  #held = false;

  constructor(stallMs: number, onStall: () => void) {
    this.#stallMs = stallMs;
    this.#onStall = onStall;
  }

  start(): void {
    this.#lastMs = performance.now();
    this.#arm(this.#stallMs);
  }

  touch(nowMs = performance.now()): void {
    this.#lastMs = nowMs;
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.touch();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(delayMs: number): void {
    this.#timer = setTimeout(() => this.#check(), delayMs);
    this.#timer.unref();
  }

  #check(): void {
    const idleMs = this.#held ? 0 : performance.now() - this.#lastMs;
    if (idleMs >= this.#stallMs - 1) {
      this.#timer = null;
      this.#onStall();
    } else this.#arm(this.#stallMs - idleMs);
  }
}
