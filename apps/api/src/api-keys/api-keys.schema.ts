import type { ApiKeyRecord } from '@quayside/database';
import { z } from 'zod';
import { ROLES } from '../auth/actor.js';
import { id, isoOrNull, label, time } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

const expiresAt = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .refine((date) => date.getTime() > Date.now(), 'must be in the future')
  .nullable()
  .default(null);

export const createTenantApiKey = z
  .strictObject({ name: label, role: z.enum(['tenant-admin', 'tenant-viewer']), expiresAt })
  .meta({ id: 'CreateApiKey', examples: [{ name: 'billing', role: 'tenant-viewer' }] });
export type CreateTenantApiKey = z.output<typeof createTenantApiKey>;

export const createPlatformApiKey = z
  .strictObject({ name: label, role: z.literal('platform-admin').default('platform-admin'), expiresAt })
  .meta({ id: 'CreatePlatformApiKey', examples: [{ name: 'operations' }] });
export type CreatePlatformApiKey = z.output<typeof createPlatformApiKey>;

export const apiKeyOut = z
  .object({
    id,
    name: z.string(),
    role: z.enum(ROLES),
    tenantId: id.nullable().describe('null: a key of the platform.'),
    prefix: z.string().describe('Start of the key, to tell keys apart.'),
    expiresAt: time.nullable(),
    lastUsedAt: time.nullable().describe('To the minute.'),
    createdAt: time,
  })
  .meta({ id: 'ApiKey' });
export type ApiKeyOut = z.output<typeof apiKeyOut>;

export const createdApiKey = apiKeyOut
  .extend({ key: z.string().describe('The key itself, only this once.') })
  .meta({ id: 'CreatedApiKey' });
export type CreatedApiKey = z.output<typeof createdApiKey>;

export const apiKeyPage = pageOf('ApiKeyPage', apiKeyOut);
export const apiKeyQuery = z.strictObject(pageParameters);
export type ApiKeyQuery = z.output<typeof apiKeyQuery>;

export function presentApiKey(key: ApiKeyRecord): ApiKeyOut {
  return {
    id: key.id,
    name: key.name,
    role: key.role as ApiKeyOut['role'],
    tenantId: key.tenantId,
    prefix: key.prefix,
    expiresAt: isoOrNull(key.expiresAt),
    lastUsedAt: isoOrNull(key.lastUsedAt),
    createdAt: key.createdAt.toISOString(),
  };
}
