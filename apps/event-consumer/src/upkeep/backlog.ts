import type { DeadEventRepository, OutboxRepository, WebhookQueueRepository } from '@quayside/database';
import type { Metrics } from '@quayside/observability';
import type { EventPublisher } from '@quayside/queue';

const STATES = ['waiting', 'active', 'delayed', 'failed'] as const;

/** What waits to be done, read when metrics are. Never rejects: what does not answer keeps its last figure. */
export function backlogReader(options: {
  readonly queue: Pick<EventPublisher, 'counts'>;
  readonly outbox: Pick<OutboxRepository, 'count'>;
  readonly dead: Pick<DeadEventRepository, 'count'>;
  readonly webhooks: Pick<WebhookQueueRepository, 'backlog'>;
  readonly metrics: Pick<Metrics, 'queueJobs' | 'outboxRows' | 'deadEvents' | 'webhooksPending' | 'databaseUp'>;
}): () => Promise<void> {
  const { queue, outbox, dead, webhooks, metrics } = options;
  return async () => {
    await Promise.allSettled([countJobs(), countRows(), countDeliveries()]);
  };

  async function countJobs(): Promise<void> {
    const counts = await queue.counts();
    for (const state of STATES) metrics.queueJobs.set({ state }, counts[state] ?? 0);
  }

  async function countRows(): Promise<void> {
    metrics.databaseUp.set(0);
    metrics.outboxRows.set(await outbox.count());
    metrics.databaseUp.set(1);
    metrics.deadEvents.set(await dead.count());
  }

  async function countDeliveries(): Promise<void> {
    metrics.webhooksPending.set((await webhooks.backlog()).pending);
  }
}
