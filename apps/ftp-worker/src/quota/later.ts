import type { Log } from '@quayside/ftp-engine';

const RETRY_MS = 2_000;
/** Beyond it the oldest is given up; what it would have given back ends with the worker's leases. */
const MAX_WAITING = 10_000;

/** Small calls that must reach the database some time: tried at once, and again until they do. */
export class Later {
  private readonly waiting = new Map<string, () => Promise<unknown>>();
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;

  constructor(private readonly log: Log) {}

  /** The answer of the first try; null where it failed, and then the call is repeated. A later call of the key replaces it. */
  async call<T>(key: string, call: () => Promise<T>): Promise<T | null> {
    this.waiting.delete(key);
    try {
      return await call();
    } catch (error) {
      this.log.warn('the quota ledger could not be told; trying again', { error: String(error) });
      if (this.waiting.size >= MAX_WAITING) this.waiting.delete(this.waiting.keys().next().value!);
      this.waiting.set(key, call);
      this.schedule();
      return null;
    }
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private schedule(): void {
    if (this.timer !== null || this.stopped) return;
    this.timer = setTimeout(() => void this.run(), RETRY_MS);
    this.timer.unref();
  }

  private async run(): Promise<void> {
    for (const [key, call] of this.waiting) {
      try {
        await call();
        if (this.waiting.get(key) === call) this.waiting.delete(key);
      } catch {
        // The database is still away: the others would wait in vain too.
        break;
      }
    }
    this.timer = null;
    if (this.waiting.size > 0) this.schedule();
  }
}
