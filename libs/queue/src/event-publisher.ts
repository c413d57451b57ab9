import { createHash } from 'node:crypto';
import type { Envelope } from '@quayside/events';
import { withDeadline } from './call-deadline.js';
import { packBatch } from './event-batch.js';
import type { EventsQueue, QueueConnection } from './queue-connection.js';
import type { QueueLog } from './queue-log.js';
import { EVENTS_QUEUE, MAX_BATCH_EVENTS } from './queue-names.js';

/** A job as it was handed to the queue. */
export interface PublishedJob {
  readonly jobId: string;
  readonly eventIds: readonly string[];
}

/** The queue's backend is there and will never take these events: something in them is not for its database. */
export class EventsRefusedError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'EventsRefusedError';
  }
}

export interface EventPublisherOptions {
  readonly connection: QueueConnection;
  readonly log: QueueLog;
  /** Longest a call waits for the backend. */
  readonly deadlineMs?: number;
  readonly queueName?: string;
}

/** About 40 minutes of attempts; after that whoever published the job finds it failed and publishes its events again. */
const ATTEMPTS = 12;
/** Jobs that the queue will work on without being asked. */
const QUEUED = new Set(['waiting', 'active', 'delayed', 'prioritized', 'paused', 'waiting-children']);

/**
 * Hands envelopes to the queue, at most {@link MAX_BATCH_EVENTS} to a job. Rejects when the backend does not take them
 * within the deadline; the caller still has them and calls again, and what was taken twice is applied once. What was
 * taken may still be lost with the backend, so the caller keeps it until it has been applied.
 */
export class EventPublisher {
  private queue: EventsQueue | null = null;
  private closed = false;
  private readonly deadlineMs: number;

  constructor(private readonly options: EventPublisherOptions) {
    this.deadlineMs = options.deadlineMs ?? 10_000;
  }

  /**
   * @param round publishes the same events as other jobs than an earlier round did, because a queue takes the id of a
   *   job once for as long as it remembers it. Rejects with {@link EventsRefusedError} where trying again is useless.
   */
  async publish(events: readonly Envelope[], round = 0): Promise<PublishedJob[]> {
    if (events.length === 0) return [];
    const jobs: PublishedJob[] = [];
    try {
      await this.call('publish', async (queue) => {
        // One by one: addBulk makes and drops two temporary tables per call, which costs PostgreSQL three single adds,
        // and packed as they go, so that customers are served in between. What is added twice after a failure in the
        // middle has the same id.
        for (const batch of batchesOf(events)) {
          const { name, data, opts } = jobOf(batch, round);
          await queue.add(name, data, opts);
          jobs.push({ jobId: opts.jobId, eventIds: batch.map(({ id }) => id) });
        }
      });
    } catch (error) {
      throw isContentRefused(error) ? new EventsRefusedError(error) : error;
    }
    return jobs;
  }

  /** Of these jobs, those that the queue still has to work on. The others are done, failed for good, or lost. */
  async queued(jobIds: readonly string[]): Promise<Set<string>> {
    const states = await this.call('states', (queue) => Promise.all(jobIds.map((id) => queue.getJobState(id))));
    return new Set(jobIds.filter((_id, index) => QUEUED.has(states[index]!)));
  }

  /** Jobs per state. */
  async counts(): Promise<Record<string, number>> {
    return this.call('counts', (queue) => queue.getJobCounts('waiting', 'active', 'delayed', 'failed'));
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

function jobOf(batch: readonly Envelope[], round: number) {
  return {
    name: 'batch',
    data: packBatch(batch),
    opts: {
      jobId: round === 0 ? batchId(batch) : `${batchId(batch)}-${round}`,
      attempts: ATTEMPTS,
      backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 },
      // The event log is the history. Keeping some of them has BullMQ look through all of those at every job.
      removeOnComplete: true,
      removeOnFail: { count: 500 },
      stackTraceLimit: 3,
    },
  };
}

/** SQLSTATE 22 (data), 23 (constraint) and 54 (limit): the values are refused, not the moment. */
function isContentRefused(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code } = current as { code?: unknown };
    if (typeof code === 'string' && /^(?:22|23|54)[0-9A-Z]{3}$/.test(code)) return true;
  }
  return false;
}

async function discard(queue: EventsQueue, deadlineMs: number): Promise<void> {
  try {
    await withDeadline(queue.close(), deadlineMs, 'close');
  } catch {
    await withDeadline(queue.disconnect(), deadlineMs, 'disconnect').catch(() => undefined);
  }
}
