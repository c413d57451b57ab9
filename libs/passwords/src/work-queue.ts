export interface WorkQueueOptions {
  readonly concurrency: number;
  readonly maxWaiting: number;
  /** Longest wait for a turn, ms. */
  readonly waitMs: number;
  /** The error of work that gets no turn. */
  readonly refusal: () => Error;
}

interface Waiting {
  start(): void;
}

/** Runs work a few at a time, in order; what waits is bounded in number and time. */
export class WorkQueue {
  private running = 0;
  private readonly waiting = new Set<Waiting>();

  constructor(private readonly options: WorkQueueOptions) {}

  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.running, waiting: this.waiting.size };
  }

  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.running >= this.options.concurrency) await this.turn(signal);
    else this.running++;
    try {
      return await work();
    } finally {
      this.next();
    }
  }

  /** Resolves with a place among the running. */
  private turn(signal?: AbortSignal): Promise<void> {
    if (this.waiting.size >= this.options.maxWaiting) return Promise.reject(this.options.refusal());
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(deadline);
        signal?.removeEventListener('abort', abort);
        this.waiting.delete(waiting);
      };
      const waiting: Waiting = {
        start: () => {
          leave();
          resolve();
        },
      };
      const abort = (): void => {
        leave();
        reject(signal!.reason as Error);
      };
      const deadline = setTimeout(() => {
        leave();
        reject(this.options.refusal());
      }, this.options.waitMs);
      signal?.addEventListener('abort', abort, { once: true });
      this.waiting.add(waiting);
    });
  }

  /** Hands the place on. */
  private next(): void {
    const [first] = this.waiting;
    if (first === undefined) this.running--;
    else first.start();
  }
}
