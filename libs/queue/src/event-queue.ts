import { EventPublisher } from './event-publisher.js';
import { EventWorker, type EventWorkerOptions } from './event-worker.js';
import { queueConnection, type QueueBackendKind, type QueueConnectionOptions } from './queue-connection.js';
import type { QueueLog } from './queue-log.js';

export interface OpenQueueOptions extends QueueConnectionOptions {
  readonly log: QueueLog;
  /** Longest that a publisher's call waits for the backend. */
  readonly deadlineMs?: number;
  /** Another queue than `events`; tests share a server this way. */
  readonly queueName?: string;
}

/** One queue, on whichever backend its URL names. */
export interface EventQueue {
  readonly backend: QueueBackendKind;
  publisher(): EventPublisher;
  worker(options: Pick<EventWorkerOptions, 'apply' | 'concurrency'>): EventWorker;
}

/** Chooses the backend by URL. Nothing connects before the first publish or `worker.start()`. */
export function openQueue(options: OpenQueueOptions): EventQueue {
  const connection = queueConnection(options);
  const { log, deadlineMs, queueName } = options;
  return {
    backend: connection.kind,
    publisher: () => new EventPublisher({ connection, log, deadlineMs, queueName }),
    worker: (rest) => new EventWorker({ connection, log, queueName, ...rest }),
  };
}
