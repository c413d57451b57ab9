import type { EventRecord } from '@quayside/database';
import { z } from 'zod';
import { accountFilter } from '../http/account-filter.js';
import { type Column, exportFormat } from '../http/export.js';
import { id, moment, pathFilter, time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

export const eventQuery = z.strictObject({
  ...pageParameters,
  account: accountFilter,
  session: id.optional(),
  type: z
    .string()
    .regex(/^[a-z.-]{1,99}\*?$/, 'must be an event type, or the start of one with a trailing *')
    .transform((text) => (text.endsWith('*') ? { text: text.slice(0, -1), prefix: true } : { text, prefix: false }))
    .optional()
    .describe('For example `transfer.completed`; with a trailing `*` every type that starts so.'),
  from: moment.describe('Happened at or after.'),
  to: moment.describe('Happened before.'),
  path: pathFilter,
  sort: z.enum(['-at', 'at']).default('-at'),
});
export type EventQuery = z.output<typeof eventQuery>;

export const eventExportQuery = eventQuery.omit({ limit: true, cursor: true }).extend({ format: exportFormat });
export type EventExportQuery = z.output<typeof eventExportQuery>;

export const eventOut = z
  .object({
    id,
    type: z.string(),
    v: z.int().describe('Version of the shape of `data`; docs/events.md has them all.'),
    at: time,
    accountId: id.nullable(),
    sessionId: id.nullable(),
    node: z.string().nullable(),
    worker: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });
export type EventOut = z.output<typeof eventOut>;

export const eventPage = pageOf('EventPage', eventOut);

export function presentEvent(event: EventRecord): EventOut {
  return { ...event, at: event.at.toISOString(), data: { ...event.data } };
}

export const EVENT_COLUMNS: readonly Column<EventOut>[] = [
  ['id', (event) => event.id],
  ['type', (event) => event.type],
  ['v', (event) => event.v],
  ['at', (event) => event.at],
  ['accountId', (event) => event.accountId],
  ['sessionId', (event) => event.sessionId],
  ['node', (event) => event.node],
  ['worker', (event) => event.worker],
  ['data', (event) => JSON.stringify(event.data)],
];
