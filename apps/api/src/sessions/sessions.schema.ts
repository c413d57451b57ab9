import type { LiveSessionRecord } from '@quayside/database';
import { z } from 'zod';
import { accountFilter } from '../http/account-filter.js';
import { id, label, time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

const address = z.string().min(1).max(45).optional().describe('The client’s IP address.');
const filters = {
  address,
  remoteAddress: address.describe('The same as `address`.'),
  protocol: z.enum(['ftp', 'ftps']).optional(),
  node: z.string().min(1).max(63).optional().describe('Name of the node.'),
};

export const sessionQuery = z.strictObject({ ...pageParameters, account: accountFilter, ...filters });
export type SessionQuery = z.output<typeof sessionQuery>;

export const platformSessionQuery = z.strictObject({ ...pageParameters, ...filters });
export type PlatformSessionQuery = z.output<typeof platformSessionQuery>;

const reason = label.optional().describe('Kept in the sessions’ events.');

export const endSessionsQuery = z
  .strictObject({ account: accountFilter, address, reason })
  .refine(({ account, address }) => account !== undefined || address !== undefined, 'needs account or address');
export type EndSessionsQuery = z.output<typeof endSessionsQuery>;

export const endPlatformSessionsQuery = z.strictObject({ address: address.nonoptional(), reason });
export type EndPlatformSessionsQuery = z.output<typeof endPlatformSessionsQuery>;

export const endedSessions = z
  .object({ ended: z.int().describe('Sessions whose workers have been told.') })
  .meta({ id: 'EndedSessions' });

export const endSessionQuery = z.strictObject({
  reason: label.optional().describe('Kept in the session’s event.'),
});
export type EndSessionQuery = z.output<typeof endSessionQuery>;

const sessionActivity = z
  .object({
    verb: z.string().describe('The FTP command, e.g. `STOR`; one that is no transfer is shown once it takes a second.'),
    path: z.string().optional().describe('Of a transfer.'),
    bytes: z.int().optional().describe('Transferred so far.'),
    bytesPerSecond: z.int().optional().describe('Of the transfer, over the last second or so.'),
    startedAt: time,
  })
  .meta({ id: 'SessionActivity' });

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
    activity: sessionActivity.nullable().describe('What it does now; null when idle.'),
    ending: z.boolean().describe('Whether it has been asked to end.'),
    node: z.string(),
  })
  .meta({ id: 'Session' });
export type SessionOut = z.output<typeof sessionOut>;

export const sessionPage = pageOf('SessionPage', sessionOut);

export const platformSessionOut = sessionOut
  .extend({ tenantId: id, tenant: z.string().describe('Slug of the tenant.') })
  .meta({ id: 'PlatformSession' });
export type PlatformSessionOut = z.output<typeof platformSessionOut>;

export const platformSessionPage = pageOf('PlatformSessionPage', platformSessionOut);

export function presentPlatformSession(session: LiveSessionRecord): PlatformSessionOut {
  return { ...presentSession(session), tenantId: session.tenantId, tenant: session.tenant };
}

export function presentSession(session: LiveSessionRecord): SessionOut {
  const { tenantId: _, tenant: __, username, endReason, openedAt, seenAt, ...rest } = session;
  return {
    ...rest,
    account: username,
    openedAt: openedAt.toISOString(),
    seenAt: seenAt.toISOString(),
    ending: endReason !== null,
  };
}
