import type { DeadEventRecord } from '@quayside/database';
import { z } from 'zod';
import { time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

export const deadEventQuery = z.strictObject(pageParameters);
export type DeadEventQuery = z.output<typeof deadEventQuery>;

export const deadEventPart = z.enum(['event', 'ledger']);

export const deadEventOut = z
  .object({
    id: z.uuid().describe('Id of the event.'),
    part: deadEventPart.describe('What could not be applied: the event itself, or its change of the quota ledger.'),
    type: z.string(),
    at: time.describe('When the event happened.'),
    tenantId: z.uuid().nullable(),
    source: z.enum(['spool', 'queue', 'outbox']).describe('Where it was found.'),
    fault: z.string().describe('What the database said.'),
    content: z.string().describe('The event, or the entry of the ledger, as JSON text.'),
    foundAt: time,
  })
  .meta({ id: 'DeadEvent' });
export type DeadEventOut = z.output<typeof deadEventOut>;

export const deadEventPage = pageOf('DeadEventPage', deadEventOut);

export function presentDeadEvent({ at, foundAt, ...rest }: DeadEventRecord): DeadEventOut {
  return { ...rest, at: at.toISOString(), foundAt: foundAt.toISOString() };
}
