import type { CredentialRecord } from '@quayside/database';
import { addressFault } from '@quayside/domain';
import { readStoredHash } from '@quayside/passwords';
import { z } from 'zod';
import { id, isoOrNull, label as line, password, time, version } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';
import { viewPath } from '../http/view-path.js';

const label = line.max(100).describe('What tells the passwords of an account apart; case does not matter.');
/** Any offset; kept in UTC. */
const expiresAt = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text).toISOString())
  .describe('RFC 3339; no login with it after that, and its sessions end.');
const addresses = z
  .array(
    z.string().superRefine((text, context) => {
      const fault = addressFault(text);
      if (fault !== null) context.addIssue({ code: 'custom', message: fault });
    }),
  )
  .max(100)
  .describe('IPv4 and IPv6 addresses and CIDR blocks from which it is good; empty for any.');
const pathPrefix = viewPath
  .transform((path) => (path === '/' ? null : path))
  .describe('The only part of the account’s view that it opens.');
const readOnly = z.boolean().describe('List and download only.');
const tlsOnly = z.boolean().describe('Refused on connections without TLS.');

const restrictions = {
  expiresAt: expiresAt.nullable().default(null),
  addresses: addresses.default([]),
  pathPrefix: pathPrefix.nullable().default(null),
  readOnly: readOnly.default(false),
  tlsOnly: tlsOnly.default(false),
};

export const createCredential = z
  .strictObject({
    label,
    password: password.optional().describe('Generated, and shown once in the answer, when absent.'),
    ...restrictions,
  })
  .meta({
    id: 'CreateCredential',
    examples: [{ label: 'backup script', readOnly: true, addresses: ['192.0.2.0/24'] }],
  });
export type CreateCredential = z.output<typeof createCredential>;

/** The whole of what can be edited: what a merged patch must be. */
export const editableCredential = z.strictObject({
  label: label.nullable(),
  password: password.optional(),
  ...restrictions,
});
export type EditableCredential = z.output<typeof editableCredential>;

export const patchCredential = z
  .strictObject({
    label: label.optional(),
    password: password.optional().describe('Replaces it; the sessions that the old one opened end.'),
    expiresAt: expiresAt.nullish(),
    addresses: addresses.nullish(),
    pathPrefix: pathPrefix.nullish(),
    readOnly: readOnly.nullish(),
    tlsOnly: tlsOnly.nullish(),
  })
  .meta({ id: 'PatchCredential', examples: [{ expiresAt: '2027-01-31T00:00:00Z' }] });

export const credentialOut = z
  .object({
    id,
    label: z.string().nullable().describe('null: the account’s main password.'),
    scheme: z.string().describe('How it is stored: `bcrypt`, or that of an imported hash until the first good login.'),
    expiresAt: time.nullable(),
    addresses: z.array(z.string()),
    pathPrefix: z.string().nullable(),
    readOnly: z.boolean(),
    tlsOnly: z.boolean(),
    exposedInClear: z
      .boolean()
      .describe('Sent without TLS, where TLS is required, since it was set: whoever listened has it. Change it.'),
    lastUsedAt: time.nullable().describe('A few seconds late.'),
    lastUsedAddress: z.string().nullable(),
    version,
    createdAt: time,
  })
  .meta({ id: 'Credential' });
export type CredentialOut = z.output<typeof credentialOut>;

export const createdCredential = credentialOut
  .extend({ password: z.string().optional().describe('Only where it was generated, and only this once.') })
  .meta({ id: 'CreatedCredential' });
export type CreatedCredential = z.output<typeof createdCredential>;

export const credentialPage = pageOf('CredentialPage', credentialOut);
export const credentialQuery = z.strictObject(pageParameters);
export type CredentialQuery = z.output<typeof credentialQuery>;

export function presentCredential(credential: CredentialRecord): CredentialOut {
  return {
    id: credential.id,
    label: credential.label,
    scheme: readStoredHash(credential.hash)?.scheme ?? 'unknown',
    expiresAt: isoOrNull(credential.expiresAt),
    addresses: [...credential.addresses],
    pathPrefix: credential.pathPrefix,
    readOnly: credential.readOnly,
    tlsOnly: credential.tlsOnly,
    exposedInClear: credential.exposedInClear,
    lastUsedAt: isoOrNull(credential.lastUsedAt),
    lastUsedAddress: credential.lastUsedAddress,
    version: credential.revision,
    createdAt: credential.createdAt.toISOString(),
  };
}

/** The editable part of a credential, as a patch sees it; the password is never read. */
export function editableOf(credential: CredentialRecord): EditableCredential {
  const {
    label: name,
    expiresAt: expiry,
    addresses: list,
    pathPrefix: prefix,
    readOnly: reads,
    tlsOnly: tls,
  } = presentCredential(credential);
  return { label: name, expiresAt: expiry, addresses: list, pathPrefix: prefix, readOnly: reads, tlsOnly: tls };
}
