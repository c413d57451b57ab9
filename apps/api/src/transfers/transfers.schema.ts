import type { TransferRecord } from '@quayside/database';
import { z } from 'zod';
import { accountFilter } from '../http/account-filter.js';
import { type Column, exportFormat } from '../http/export.js';
import { count, id, moment, pathFilter, time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

export const transferQuery = z.strictObject({
  ...pageParameters,
  account: accountFilter,
  session: id.optional(),
  direction: z.enum(['upload', 'download']).optional(),
  outcome: z.enum(['completed', 'failed', 'aborted']).optional(),
  protocol: z.enum(['ftp', 'ftps']).optional(),
  from: moment.describe('Started at or after.'),
  to: moment.describe('Started before.'),
  path: pathFilter,
  sort: z.enum(['-startedAt', 'startedAt']).default('-startedAt'),
});
export type TransferQuery = z.output<typeof transferQuery>;

export const transferExportQuery = transferQuery.omit({ limit: true, cursor: true }).extend({ format: exportFormat });
export type TransferExportQuery = z.output<typeof transferExportQuery>;

export const transferOut = z
  .object({
    id,
    account: z.string().describe('User name at the time.'),
    accountId: id,
    direction: z.enum(['upload', 'download']),
    path: z.string(),
    bytes: count.describe('Bytes of this transfer; after a resume the file has more.'),
    outcome: z.enum(['completed', 'failed', 'aborted']),
    reason: z.string().nullable().describe('Why it did not complete.'),
    sha256: z.string().nullable(),
    protocol: z.enum(['ftp', 'ftps']),
    startedAt: time,
    finishedAt: time,
    sessionId: id,
    remoteAddress: z.string(),
    node: z.string().nullable(),
  })
  .meta({ id: 'Transfer' });
export type TransferOut = z.output<typeof transferOut>;

export const transferPage = pageOf('TransferPage', transferOut);

export function presentTransfer(transfer: TransferRecord): TransferOut {
  return {
    ...transfer,
    direction: transfer.direction as TransferOut['direction'],
    outcome: transfer.outcome as TransferOut['outcome'],
    protocol: transfer.protocol as TransferOut['protocol'],
    startedAt: transfer.startedAt.toISOString(),
    finishedAt: transfer.finishedAt.toISOString(),
  };
}

export const TRANSFER_COLUMNS: readonly Column<TransferOut>[] = [
  ['id', (row) => row.id],
  ['account', (row) => row.account],
  ['accountId', (row) => row.accountId],
  ['direction', (row) => row.direction],
  ['path', (row) => row.path],
  ['bytes', (row) => row.bytes],
  ['outcome', (row) => row.outcome],
  ['reason', (row) => row.reason],
  ['sha256', (row) => row.sha256],
  ['protocol', (row) => row.protocol],
  ['startedAt', (row) => row.startedAt],
  ['finishedAt', (row) => row.finishedAt],
  ['sessionId', (row) => row.sessionId],
  ['remoteAddress', (row) => row.remoteAddress],
  ['node', (row) => row.node],
];
