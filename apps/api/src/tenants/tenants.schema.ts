import type { TenantRecord } from '@quayside/database';
import { parsePath } from '@quayside/domain';
import { z } from 'zod';
import { count, id, label, limit, shownCount, slug, status, time, version } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

const limits = z
  .strictObject({
    bytes: limit.default(null),
    files: limit.default(null),
    accounts: z.int().min(0).max(1_000_000).nullable().default(null).describe('null: unlimited.'),
  })
  .meta({ id: 'TenantLimits', description: 'What the tenant may hold in all its spaces and accounts together.' });

const timeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, 'must be an IANA time zone, for example Europe/Berlin')
  .describe('IANA time zone in which calendar months begin.');

const dropFolder = z
  .string()
  .max(1024)
  .startsWith('/')
  .transform((text) => parsePath(text) as string)
  .nullable()
  .default(null)
  .describe('Folder of the account’s view where visitors may leave files that they can neither list nor read.');

const anonymous = z
  .strictObject({
    account: id.describe('The account whose files and limits visitors get, and never more than to read.'),
    dropFolder,
  })
  .meta({ id: 'AnonymousLogin', description: 'Login as `anonymous` or `ftp` with any password.' });

export const createTenant = z
  .strictObject({
    slug: slug.describe('DNS label; the part of login names after the @. Cannot be changed to one in use.'),
    name: label,
    limits: limits.default({ bytes: null, files: null, accounts: null }),
    timeZone: timeZone.default('UTC'),
    policy: id.nullable().default(null).describe('Policy of all the tenant’s accounts.'),
  })
  .meta({
    id: 'CreateTenant',
    examples: [{ slug: 'acme', name: 'ACME Ltd', limits: { bytes: 107374182400, files: null, accounts: 50 } }],
  });
export type CreateTenant = z.output<typeof createTenant>;

/** The whole of what can be edited: what a merged patch must be. */
export const editableTenant = z.strictObject({
  slug,
  name: label,
  limits: limits.default({ bytes: null, files: null, accounts: null }),
  timeZone: timeZone.default('UTC'),
  policy: id.nullable().default(null),
  anonymous: anonymous.nullable().default(null),
  status: status.default('active'),
  statusText: label.nullable().default(null),
});
export type EditableTenant = z.output<typeof editableTenant>;

export const patchTenant = z
  .strictObject({
    slug: slug.optional(),
    name: label.optional(),
    limits: z
      .strictObject({
        bytes: limit.optional(),
        files: limit.optional(),
        accounts: z.int().min(0).max(1_000_000).nullish(),
      })
      .nullish(),
    timeZone: timeZone.nullish(),
    policy: id.nullish(),
    anonymous: anonymous
      .partial()
      .nullish()
      .describe('Anonymous FTP; null turns it off, which it is until it is set here.'),
    status: status.nullish(),
    statusText: label.nullish(),
  })
  .meta({ id: 'PatchTenant', examples: [{ limits: { bytes: 214748364800 } }] });

export const suspension = z
  .strictObject({ reason: label.nullish().describe('Shown to the customer.') })
  .meta({ id: 'Suspension', examples: [{ reason: 'Invoice 4711 is overdue' }] });
export type Suspension = z.output<typeof suspension>;

export const tenantOut = z
  .object({
    id,
    slug: z.string(),
    name: z.string(),
    status,
    statusText: z.string().nullable().describe('Shown to customers where the status is not `active`.'),
    limits: z.object({ bytes: limit, files: limit, accounts: limit }),
    usage: z.object({ bytes: count, files: count, accounts: count, reservedBytes: count }),
    timeZone: z.string(),
    policy: id.nullable(),
    anonymous: z.object({ account: id, dropFolder: z.string().nullable() }).nullable(),
    version,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Tenant' });
export type TenantOut = z.output<typeof tenantOut>;

export const tenantPage = pageOf('TenantPage', tenantOut);

export const tenantQuery = z.strictObject({
  ...pageParameters,
  status: status.optional(),
  q: z.string().min(1).max(63).toLowerCase().optional().describe('Start of the slug.'),
  sort: z.enum(['slug', '-slug', 'createdAt', '-createdAt']).default('slug'),
});
export type TenantQuery = z.output<typeof tenantQuery>;

export function presentTenant(tenant: TenantRecord): TenantOut {
  return {
    id: tenant.id,
    slug: tenant.slug,
    name: tenant.name,
    status: tenant.status as TenantOut['status'],
    statusText: tenant.statusText,
    limits: { bytes: tenant.bytesLimit, files: tenant.filesLimit, accounts: tenant.maxAccounts },
    usage: {
      bytes: shownCount(tenant.bytesUsed),
      files: shownCount(tenant.filesUsed),
      accounts: tenant.accounts,
      reservedBytes: shownCount(tenant.bytesReserved),
    },
    timeZone: tenant.timeZone,
    policy: tenant.policyId,
    anonymous:
      tenant.anonymousAccountId === null
        ? null
        : { account: tenant.anonymousAccountId, dropFolder: tenant.anonymousDropFolder },
    version: tenant.version,
    createdAt: tenant.createdAt.toISOString(),
    updatedAt: tenant.updatedAt.toISOString(),
  };
}

/** The editable part of a tenant, as a patch sees it. */
export function editableOf(tenant: TenantRecord): EditableTenant {
  const { slug, name, status, statusText, limits, timeZone, policy, anonymous: login } = presentTenant(tenant);
  return { slug, name, status, statusText, limits, timeZone, policy, anonymous: login };
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
