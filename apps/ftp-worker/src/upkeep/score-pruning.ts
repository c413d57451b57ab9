import type { LoginThrottleRepository } from '@quayside/database';
import type { Log } from '@quayside/ftp-engine';

const EVERY_MS = 10 * 60_000;
const BATCH = 5_000;

/** Drops scores of failed logins that say nothing any more. */
export class ScorePruning {
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly throttle: Pick<LoginThrottleRepository, 'prune'>,
    private readonly log: Log,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.run(), EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }

  private async run(): Promise<void> {
    try {
      while ((await this.throttle.prune(BATCH)) >= BATCH);
    } catch (error) {
      this.log.warn('old scores of failed logins could not be dropped', { error: String(error) });
    }
  }
}
