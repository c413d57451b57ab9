import type { WebhookEndpointRecord } from '@quayside/database';
import { EVENT_CATALOG } from '@quayside/events';
import { z } from 'zod';
import { id, isoOrNull, time, version } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

const url = z
  .string()
  .max(2000)
  .refine(isWebhookUrl, 'must be an https:// address without user name, password and fragment')
  .describe('Where events are posted. Redirects are not followed.');

const description = z
  .string()
  .trim()
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'cannot contain control characters');

const eventTypes = z
  .array(z.string().refine(isEventFilter, 'must be an event type, or the start of one with a trailing *'))
  .max(50)
  .describe('For example `transfer.completed` or `file.*`; empty: every type. docs/events.md has them all.');

export const createWebhook = z
  .strictObject({
    url,
    description: description.default(''),
    eventTypes: eventTypes.default([]),
    enabled: z.boolean().default(true),
  })
  .meta({
    id: 'CreateWebhook',
    examples: [{ url: 'https://hooks.example.com/quayside', eventTypes: ['transfer.*', 'login.failed'] }],
  });
export type CreateWebhook = z.output<typeof createWebhook>;

/** The whole of what can be edited: what a merged patch must be. */
export const editableWebhook = createWebhook;

export const patchWebhook = z
  .strictObject({
    url: url.optional(),
    description: description.nullish(),
    eventTypes: eventTypes.nullish(),
    enabled: z.boolean().nullish(),
  })
  .meta({ id: 'PatchWebhook', examples: [{ eventTypes: ['transfer.completed'] }] });

export const rotation = z
  .strictObject({
    overlapHours: z
      .int()
      .min(0)
      .max(168)
      .default(24)
      .describe('For how long the secret before signs as well, so that receivers can take over the new one.'),
  })
  .meta({ id: 'RotateWebhookSecret', examples: [{ overlapHours: 24 }] });
export type Rotation = z.output<typeof rotation>;

export const webhookOut = z
  .object({
    id,
    url: z.string(),
    description: z.string(),
    eventTypes: z.array(z.string()),
    enabled: z.boolean(),
    disabledReason: z.string().nullable().describe('Why the system has switched it off: the receiver answered 410.'),
    previousSecretExpiresAt: time.nullable().describe('Until when two secrets sign; null: one.'),
    version,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Webhook' });
export type WebhookOut = z.output<typeof webhookOut>;

export const webhookWithSecret = webhookOut
  .extend({ secret: z.string().describe('The signing secret, only this once.') })
  .meta({ id: 'WebhookWithSecret' });
export type WebhookWithSecret = z.output<typeof webhookWithSecret>;

export const webhookPage = pageOf('WebhookPage', webhookOut);
export const webhookQuery = z.strictObject(pageParameters);
export type WebhookQuery = z.output<typeof webhookQuery>;

export function presentWebhook(webhook: WebhookEndpointRecord): WebhookOut {
  const { previousExpiresAt, createdAt, updatedAt, eventTypes, ...rest } = webhook;
  return {
    ...rest,
    eventTypes: [...eventTypes],
    previousSecretExpiresAt: isoOrNull(previousExpiresAt),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

function isWebhookUrl(text: string): boolean {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { username, password, hash, hostname } = new URL(text);
  return username === '' && password === '' && hash === '' && hostname !== '';
}

function isEventFilter(text: string): boolean {
  if (!text.endsWith('*')) return Object.hasOwn(EVENT_CATALOG, text);
  const start = text.slice(0, -1);
  return Object.keys(EVENT_CATALOG).some((type) => type.startsWith(start));
}
