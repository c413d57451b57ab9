import type { AuditRecord } from '@quayside/database';
import { z } from 'zod';
import { id, moment, time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

export const auditQuery = z.strictObject({
  ...pageParameters,
  action: z.string().min(1).max(100).optional().describe('For example `account.suspend`.'),
  resourceId: z.string().min(1).max(100).optional(),
  from: moment,
  to: moment,
});
export type AuditQuery = z.output<typeof auditQuery>;

export const auditOut = z
  .object({
    seq: z.int(),
    id,
    at: time,
    tenantId: id.nullable(),
    actor: z.object({ apiKeyId: id, name: z.string(), address: z.string() }),
    action: z.string(),
    resource: z.string(),
    resourceId: z.string(),
    before: z.unknown(),
    after: z.unknown(),
    hash: z.string().describe('SHA-256 over the hash of the entry before and this entry.'),
  })
  .meta({ id: 'AuditEntry' });
export type AuditOut = z.output<typeof auditOut>;

export const auditPage = pageOf('AuditPage', auditOut);

export const auditVerification = z
  .object({
    intact: z.boolean(),
    entries: z.int().describe('Entries that are as they were written, from the first one on.'),
    last: z
      .object({ seq: z.int(), hash: z.string() })
      .nullable()
      .describe('The last of them. Keep it elsewhere: entries that are cut off at the end leave no other trace.'),
    fault: z
      .object({
        seq: z.int(),
        id,
        reason: z.enum(['changed', 'unlinked']).describe('`unlinked`: entries before it are missing or were changed.'),
      })
      .nullable(),
  })
  .meta({ id: 'AuditVerification' });
export type AuditVerification = z.output<typeof auditVerification>;

export function presentAudit(entry: AuditRecord): AuditOut {
  return {
    seq: entry.seq,
    id: entry.id,
    at: entry.at.toISOString(),
    tenantId: entry.tenantId,
    actor: { apiKeyId: entry.actorId, name: entry.actor, address: entry.address },
    action: entry.action,
    resource: entry.resource,
    resourceId: entry.resourceId,
    before: entry.before,
    after: entry.after,
    hash: entry.hash.toString('hex'),
  };
}
