import type { WebhookAttemptRecord, WebhookDeliveryRecord } from '@quayside/database';
import { z } from 'zod';
import { id, instant, isoOrNull, time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

export const deliveryQuery = z.strictObject({
  ...pageParameters,
  status: z
    .enum(['pending', 'delivered', 'dead'])
    .optional()
    .describe('`dead` is the dead-letter list: given up after 72 hours.'),
  eventType: z.string().min(1).max(100).optional(),
  eventId: id.optional(),
});
export type DeliveryQuery = z.output<typeof deliveryQuery>;

export const replay = z
  .strictObject({
    eventIds: z.array(id).min(1).max(100).optional().describe('These events.'),
    from: instant.optional().describe('With `to`: all events of that time that the webhook’s filter takes.'),
    to: instant.optional(),
  })
  .refine(
    ({ eventIds, from, to }) => (eventIds === undefined) === (from !== undefined && to !== undefined),
    'needs either eventIds, or from and to',
  )
  .refine(({ from, to }) => from === undefined || to === undefined || from < to, 'from must be before to')
  .meta({
    id: 'ReplayWebhook',
    examples: [{ from: '2026-11-01T00:00:00Z', to: '2026-11-02T00:00:00Z' }],
  });
export type Replay = z.output<typeof replay>;

export const replayOut = z
  .object({
    queued: z.int().describe('Deliveries that were queued.'),
    continueFrom: time.nullable().describe('`from` of the next call; null when the range is done.'),
  })
  .meta({ id: 'WebhookReplay' });
export type ReplayOut = z.output<typeof replayOut>;

export const deliveryOut = z
  .object({
    id,
    eventId: id.describe('Sent as `webhook-id`; the same each time the event is sent.'),
    eventType: z.string(),
    eventAt: time,
    origin: z.enum(['event', 'replay', 'test']),
    status: z.enum(['pending', 'delivered', 'dead']),
    attempts: z.int(),
    lastStatus: z.int().nullable().describe('HTTP status of the last answer; null where there was none.'),
    lastError: z.string().nullable(),
    createdAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'WebhookDelivery' });
export type DeliveryOut = z.output<typeof deliveryOut>;

export const deliveryWithLog = deliveryOut
  .extend({
    log: z
      .array(
        z.object({
          at: time,
          durationMs: z.int(),
          status: z.int().nullable(),
          error: z.string().nullable(),
          response: z.string().nullable().describe('Start of the answer’s body.'),
        }),
      )
      .describe('The last 50 requests, newest first.'),
  })
  .meta({ id: 'WebhookDeliveryWithLog' });
export type DeliveryWithLog = z.output<typeof deliveryWithLog>;

export const deliveryPage = pageOf('WebhookDeliveryPage', deliveryOut);

export function presentDelivery(record: WebhookDeliveryRecord): DeliveryOut {
  const { seq: _, ...delivery } = record;
  return {
    ...delivery,
    origin: delivery.origin as DeliveryOut['origin'],
    status: delivery.status as DeliveryOut['status'],
    eventAt: delivery.eventAt.toISOString(),
    createdAt: delivery.createdAt.toISOString(),
    finishedAt: isoOrNull(delivery.finishedAt),
  };
}

export function presentLog(attempts: readonly WebhookAttemptRecord[]): DeliveryWithLog['log'] {
  return attempts.map((attempt) => ({ ...attempt, at: attempt.at.toISOString() }));
}
