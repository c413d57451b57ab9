import type { Envelope } from '@quayside/events';
import type { FinishedSpan } from '@quayside/observability';
import { traceOf } from './trace-of.js';

export interface AppliedBatch {
  readonly source: string;
  readonly events: readonly Envelope[];
  /** Ids of those that were not in the log before. */
  readonly fresh: readonly string[];
  readonly startMs: number;
  readonly endMs: number;
}

/** One span for the batch, and in the trace of each transfer whose event was new the part that it had in it. */
export function* batchSpans(batch: AppliedBatch): Generator<FinishedSpan> {
  const { events, startMs, endMs } = batch;
  yield {
    name: 'apply events',
    kind: 'consumer',
    startMs,
    endMs,
    attributes: {
      'messaging.operation.type': 'process',
      'messaging.batch.message_count': events.length,
      'events.source': batch.source,
      'events.new': batch.fresh.length,
    },
  };
  const fresh = new Set(batch.fresh);
  for (const event of events) {
    const place = fresh.has(event.id) ? traceOf(event.data) : undefined;
    if (place === undefined) continue;
    yield {
      name: 'apply event',
      kind: 'consumer',
      startMs,
      endMs,
      attributes: {
        'event.id': event.id,
        'event.type': event.type,
        'session.id': event.sessionId ?? undefined,
        'tenant.id': event.tenantId ?? undefined,
        'account.id': event.accountId ?? undefined,
        'transfer.id': place.within,
      },
      place,
    };
  }
}
