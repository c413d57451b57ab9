import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from 'bullmq';
import { withDeadline } from './call-deadline.js';
import { unpackBatch } from './event-batch.js';
import type { EventsWorker, QueueConnection } from './queue-connection.js';
import type { QueueLog } from './queue-log.js';
import { EVENTS_QUEUE } from './queue-names.js';

export interface EventWorkerOptions {
  readonly connection: QueueConnection;
  readonly log: QueueLog;
  /** Applies one batch: the raw events of a job. Rejecting gives the job another attempt. */
  readonly apply: (events: readonly unknown[]) => Promise<void>;
  readonly concurrency?: number;
  readonly queueName?: string;
}

/** A consumer that died holding a job is noticed, and its job taken over, after about this long. */
const LOCK_MS = 10_000;
const STALLED_CHECK_MS = 5_000;
const CONNECT_DEADLINE_MS = 10_000;
const MAX_BACKOFF_MS = 5_000;
/** Errors within a second after which the worker is built anew, with a pause: BullMQ's own loop would spin. */
const ERROR_BURST = 20;

/** Takes batches from the queue until closed; rebuilds its connection for as long as the backend is away. */
export class EventWorker {
  private worker: EventsWorker | null = null;
  private readonly stopping = new AbortController();
  private running: Promise<void> | null = null;
  private lastErrorLogMs = -Infinity;
  private active = 0;

  constructor(private readonly options: EventWorkerOptions) {}

  /** Jobs being applied now. */
  get activeJobs(): number {
    return this.active;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Takes no more jobs and lets the running ones finish for up to `graceMs`; what is left is delivered again. */
  async close(graceMs = 10_000): Promise<void> {
    this.stopping.abort();
    const worker = this.worker;
    if (worker !== null) {
      await withDeadline(worker.close(), graceMs, 'close').catch(() => retire(worker));
    }
    if (this.running !== null) await withDeadline(this.running, 5_000, 'stop').catch(() => undefined);
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.stopping.signal.aborted) {
      const worker = this.build();
      this.worker = worker;
      try {
        await withDeadline(worker.waitUntilReady(), CONNECT_DEADLINE_MS, 'connect');
        failures = 0;
        if (!this.stopping.signal.aborted) await worker.run();
      } catch (error) {
        this.report(error);
      }
      if (this.stopping.signal.aborted) return;
      await retire(worker);
      this.worker = null;
      failures++;
      await sleep(Math.min(250 * 2 ** failures, MAX_BACKOFF_MS), undefined, { signal: this.stopping.signal }).catch(
        () => undefined,
      );
    }
  }

  private build(): EventsWorker {
    const worker = this.options.connection.worker(
      this.options.queueName ?? EVENTS_QUEUE,
      async (job: Job) => {
        this.active++;
        try {
          await this.options.apply(unpackBatch(job.data));
        } finally {
          this.active--;
        }
      },
      {
        autorun: false,
        concurrency: this.options.concurrency ?? 2,
        lockDuration: LOCK_MS,
        stalledInterval: STALLED_CHECK_MS,
        // A batch is idempotent, so a consumer that is killed again and again never makes it a dead letter.
        maxStalledCount: 1_000_000,
        runRetryDelay: 1_000,
        removeOnComplete: { count: 0 },
      },
    );
    let burstStartMs = 0;
    let burst = 0;
    worker.on('error', (error) => {
      this.report(error);
      const nowMs = performance.now();
      if (nowMs - burstStartMs > 1_000) {
        burstStartMs = nowMs;
        burst = 0;
      }
      if (++burst === ERROR_BURST) void retire(worker);
    });
    worker.on('failed', (job, error) => {
      const attempts = job?.opts.attempts ?? 1;
      const dead = job !== undefined && job.attemptsMade >= attempts;
      this.options.log[dead ? 'error' : 'warn'](
        dead
          ? 'A batch of events could not be applied and stays in the queue as failed'
          : 'A batch of events will be tried again',
        { jobId: job?.id, attempt: job?.attemptsMade, error: error.message },
      );
    });
    return worker;
  }

  /** At most one line in five seconds: an outage must not fill the log. */
  private report(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.lastErrorLogMs < 5_000) return;
    this.lastErrorLogMs = nowMs;
    this.options.log.warn('The event queue is not available; trying again', { error: messageOf(error) });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

async function retire(worker: EventsWorker): Promise<void> {
  await withDeadline(worker.close(true), 5_000, 'close').catch(() =>
    withDeadline(worker.disconnect(), 1_000, 'disconnect').catch(() => undefined),
  );
}
