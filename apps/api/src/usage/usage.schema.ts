import { z } from 'zod';
import { tenantOut } from '../tenants/tenants.schema.js';
import { spaceOut } from '../spaces/spaces.schema.js';
import { usageReport } from './usage-report.schema.js';

export const tenantUsage = z
  .object({
    limits: tenantOut.shape.limits,
    usage: tenantOut.shape.usage.describe('Of all spaces together, also of those that are being removed.'),
    items: z.array(spaceOut.pick({ id: true, name: true, quota: true, usage: true, removing: true })),
    nextCursor: z.string().nullable().describe('Cursor of the next page of spaces; null on the last one.'),
  })
  .meta({ id: 'TenantUsage' });

/** What is held now, or usage over time: only the first has `limits`. */
export const tenantUsageAnswer = z.union([tenantUsage, usageReport]);
