import type { TenantDomainRecord } from '@quayside/database';
import { z } from 'zod';
import { id, time, version } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';
import { certificateFacts } from './certificate-pair.js';

/** RFC 1123 names of at least two labels, so that no domain can be taken for a tenant's slug. */
const DOMAIN = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const domain = z
  .string()
  .max(254)
  .toLowerCase()
  .transform((text) => text.replace(/\.$/, ''))
  .refine((text) => DOMAIN.test(text) && !/^[0-9.]+$/.test(text), 'must be a host name such as ftp.example.com')
  .describe('Host name that clients connect to; clients name it by SNI, by HOST, or after the @ of the login.');
const certificate = z.string().min(1).max(65_536).describe('PEM; the chain follows the certificate.');
const privateKey = z.string().min(1).max(16_384).meta({
  format: 'password',
  description: 'PEM, unencrypted. It is never shown again, here or in any log.',
});

export const createDomain = z
  .strictObject({ domain, certificate: certificate.optional(), privateKey: privateKey.optional() })
  .superRefine(bothOrNeither)
  .meta({ id: 'CreateDomain', examples: [{ domain: 'ftp.example.com' }] });
export type CreateDomain = z.output<typeof createDomain>;

export const patchDomain = z
  .strictObject({ certificate: certificate.nullable(), privateKey: privateKey.nullable() })
  .superRefine(bothOrNeither)
  .meta({ id: 'PatchDomain', description: 'The two belong together; null for both takes the certificate away.' });
export type PatchDomain = z.output<typeof patchDomain>;

export const domainOut = z
  .object({
    id,
    domain: z.string(),
    certificate: z
      .object({ names: z.string(), issuer: z.string(), validFrom: time, validUntil: time, fingerprint: z.string() })
      .nullable()
      .describe('null: the certificate of the listener serves the name.'),
    version,
    createdAt: time,
  })
  .meta({ id: 'Domain' });
export type DomainOut = z.output<typeof domainOut>;

export const domainPage = pageOf('DomainPage', domainOut);
export const domainQuery = z.strictObject(pageParameters);
export type DomainQuery = z.output<typeof domainQuery>;

export function presentDomain(record: TenantDomainRecord): DomainOut {
  return {
    id: record.id,
    domain: record.domain,
    certificate: record.certificate === null ? null : certificateFacts(record.certificate),
    version: record.version,
    createdAt: record.createdAt.toISOString(),
  };
}

function bothOrNeither(
  input: { readonly certificate?: string | null | undefined; readonly privateKey?: string | null | undefined },
  context: z.RefinementCtx,
): void {
  const [has, key] = [input.certificate ?? null, input.privateKey ?? null];
  if ((has === null) === (key === null)) return;
  const [field, other] = has === null ? ['certificate', 'privateKey'] : ['privateKey', 'certificate'];
  context.addIssue({ code: 'custom', path: [field], message: `must be given with ${other}` });
}
