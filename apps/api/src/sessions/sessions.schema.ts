import type { LiveSessionRecord } from '@quayside/database';
import { z } from 'zod';
import { accountFilter } from '../http/account-filter.js';
import { id, label, time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

export const sessionQuery = z.strictObject({
  ...pageParameters,
  account: accountFilter,
  remoteAddress: z.string().min(1).max(45).optional(),
});
export type SessionQuery = z.output<typeof sessionQuery>;

export const endSessionQuery = z.strictObject({
  reason: label.optional().describe('Kept in the session’s event.'),
});
export type EndSessionQuery = z.output<typeof endSessionQuery>;

export const sessionOut = z
  .object({
    id,
    account: z.string(),
    accountId: id,
    remoteAddress: z.string(),
    protocol: z.string(),
    tlsVersion: z.string().nullable(),
    tlsCipher: z.string().nullable(),
    clientName: z.string().nullable(),
    openedAt: time,
    seenAt: time.describe('When its worker last wrote about it.'),
    activity: z.unknown().describe('The running command or transfer: verb, path, bytes, startedAt; null when idle.'),
    ending: z.boolean().describe('Whether it has been asked to end.'),
    node: z.string(),
  })
  .meta({ id: 'Session' });
export type SessionOut = z.output<typeof sessionOut>;

export const sessionPage = pageOf('SessionPage', sessionOut);

export function presentSession(session: LiveSessionRecord): SessionOut {
  const { username, endReason, openedAt, seenAt, activity, ...rest } = session;
  return {
    ...rest,
    account: username,
    openedAt: openedAt.toISOString(),
    seenAt: seenAt.toISOString(),
    activity: activity ?? null,
    ending: endReason !== null,
  };
}
