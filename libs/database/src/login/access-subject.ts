import { type AccessSubject, type CredentialLimits, maskOf, parsePath } from '@quayside/domain';
import type { LoginCredential, LoginRecord } from './login.repository.js';

/** What one password may do less than its account. */
export function credentialLimitsOf(credential: LoginCredential): CredentialLimits {
  return {
    expiresAtMs: credential.expiresAtMs,
    addresses: credential.addresses,
    pathPrefix: credential.pathPrefix === null ? null : parsePath(credential.pathPrefix),
    readOnly: credential.readOnly,
    tlsOnly: credential.tlsOnly,
  };
}

/** What decides about an account, but for its policies. Without a credential the account alone is asked about. */
export function accessSubjectOf(
  record: LoginRecord,
  credential: LoginCredential | null,
): Omit<AccessSubject, 'policy'> {
  return {
    tenant: record.tenant,
    account: record.account,
    credential: credential === null ? null : credentialLimitsOf(credential),
    mounts: record.mounts
      .map((mount) => ({ mountId: mount.id, path: parsePath(mount.path), permissions: maskOf(mount.permissions) }))
      .toSorted((a, b) => b.path.length - a.path.length),
  };
}
