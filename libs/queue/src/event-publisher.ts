import { createHash } from 'node:crypto';
import type { Envelope } from '@quayside/events';
import { withDeadline } from './call-deadline.js';
import type { EventsQueue, QueueConnection } from './queue-connection.js';
import type { QueueLog } from './queue-log.js';
import { EVENTS_QUEUE, MAX_BATCH_EVENTS } from './queue-names.js';

/** What one job of the queue carries. */
export interface EventBatch {
  readonly events: readonly Envelope[];
}

export interface EventPublisherOptions {
  readonly connection: QueueConnection;
  readonly log: QueueLog;
  /** Longest a call waits for the backend. */
  readonly deadlineMs?: number;
  readonly queueName?: string;
}

/** About 40 minutes of attempts; after that the job stays in `failed`, where the operator sees and retries it. */
const ATTEMPTS = 12;

/**
 * Hands envelopes to the queue, at most {@link MAX_BATCH_EVENTS} to a job. Rejects when the backend does not take them
 * within the deadline; the caller still has them and calls again, and what was taken twice is applied once.
 */
export class EventPublisher {
  private queue: EventsQueue | null = null;
  private closed = false;
  private readonly deadlineMs: number;

  constructor(private readonly options: EventPublisherOptions) {
    this.deadlineMs = options.deadlineMs ?? 10_000;
  }

  async publish(events: readonly Envelope[]): Promise<void> {
    if (events.length === 0) return;
    const jobs = batchesOf(events).map(jobOf);
    await this.call('publish', (queue) => queue.addBulk(jobs));
  }

  /** Jobs per state; `failed` are the dead letters. */
  async counts(): Promise<Record<string, number>> {
    return this.call('counts', (queue) => queue.getJobCounts('waiting', 'active', 'delayed', 'failed'));
  }

  /** Gives every dead letter another round of attempts. */
  async retryDeadLetters(): Promise<void> {
    await this.call('retry', (queue) => queue.retryJobs({ state: 'failed' }));
  }

  async close(): Promise<void> {
    this.closed = true;
    const queue = this.queue;
    this.queue = null;
    if (queue !== null) await discard(queue, this.deadlineMs);
  }

  private async call<T>(what: string, run: (queue: EventsQueue) => Promise<T>): Promise<T> {
    if (this.closed) throw new Error('The event publisher is closed');
    const queue = (this.queue ??= this.open());
    try {
      return await withDeadline(
        queue.waitUntilReady().then(() => run(queue)),
        this.deadlineMs,
        what,
      );
    } catch (error) {
      // BullMQ remembers a failed first connect for good, and a call that hangs would pile up: start over next time.
      if (this.queue === queue) this.queue = null;
      void discard(queue, this.deadlineMs);
      throw error;
    }
  }

  private open(): EventsQueue {
    const queue = this.options.connection.queue(this.options.queueName ?? EVENTS_QUEUE, {});
    // Without a listener an idle connection's error would end the process; the failed call reports it.
    queue.on('error', () => undefined);
    return queue;
  }
}

/** The same events make the same job, so that a retry after a lost answer adds nothing. */
export function batchId(batch: readonly Envelope[]): string {
  const hash = createHash('sha256');
  for (const event of batch) hash.update(event.id);
  return `batch-${hash.digest('hex').slice(0, 40)}`;
}

function batchesOf(events: readonly Envelope[]): (readonly Envelope[])[] {
  const batches = [];
  for (let start = 0; start < events.length; start += MAX_BATCH_EVENTS) {
    batches.push(events.slice(start, start + MAX_BATCH_EVENTS));
  }
  return batches;
}

function jobOf(batch: readonly Envelope[]) {
  return {
    name: 'batch',
    data: { events: batch } satisfies EventBatch,
    opts: {
      jobId: batchId(batch),
      attempts: ATTEMPTS,
      backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 },
      removeOnComplete: { count: 500 },
      removeOnFail: false,
      stackTraceLimit: 3,
    },
  };
}

async function discard(queue: EventsQueue, deadlineMs: number): Promise<void> {
  try {
    await withDeadline(queue.close(), deadlineMs, 'close');
  } catch {
    await withDeadline(queue.disconnect(), deadlineMs, 'disconnect').catch(() => undefined);
  }
}
