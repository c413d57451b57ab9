import type { AppLog } from '@quayside/observability';

/** Something that has to be done now and then, by one consumer of all nodes at a time. */
export interface UpkeepJob {
  readonly name: string;
  readonly everyMs: number;
  /** Also at start, not only after the first interval. */
  readonly atStart?: boolean;
  /** Resolves to how many things it did; logged where there were any. */
  run(signal: AbortSignal): Promise<number>;
}

export interface UpkeepSchedulerOptions {
  readonly jobs: readonly UpkeepJob[];
  /** Runs `work` while holding the cluster-wide lock of that name; false where another holds it. */
  readonly exclusively: (name: string, work: () => Promise<void>) => Promise<boolean>;
  readonly log: AppLog;
  readonly random?: () => number;
}

/** A tenth more or less, so that the consumers of all nodes do not come at once. */
const JITTER = 0.1;

export class UpkeepScheduler {
  private readonly stopping = new AbortController();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly running = new Set<Promise<void>>();

  constructor(private readonly options: UpkeepSchedulerOptions) {}

  start(): void {
    for (const job of this.options.jobs) this.schedule(job, job.atStart === true ? 0 : job.everyMs);
  }

  /** Starts nothing more and waits for what runs. */
  async stop(): Promise<void> {
    this.stopping.abort();
    for (const timer of this.timers.values()) clearTimeout(timer);
    await Promise.all(this.running);
  }

  private schedule(job: UpkeepJob, ms: number): void {
    const { random = Math.random } = this.options;
    const jittered = ms * (1 - JITTER + 2 * JITTER * random());
    this.timers.set(
      job.name,
      setTimeout(() => {
        const run = this.runOnce(job).finally(() => {
          this.running.delete(run);
          if (!this.stopping.signal.aborted) this.schedule(job, job.everyMs);
        });
        this.running.add(run);
      }, jittered),
    );
  }

  private async runOnce(job: UpkeepJob): Promise<void> {
    const { exclusively, log } = this.options;
    try {
      await exclusively(`upkeep:${job.name}`, async () => {
        const count = await job.run(this.stopping.signal);
        if (count > 0) log.info('upkeep', { job: job.name, count });
      });
    } catch (error) {
      // The next turn tries again; an absent database is reported by those who need it more.
      if (!this.stopping.signal.aborted) log.warn('upkeep failed', { job: job.name, error });
    }
  }
}
