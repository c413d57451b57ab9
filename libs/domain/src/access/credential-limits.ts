import { isWithin, type VirtualPath } from '../paths/virtual-path.js';
import type { AccessPolicy, DecidingRule, Refusal, Visit } from './access-policy.js';
import { type CompiledAddresses, compileAddressRules, parseAddress } from './address-rules.js';
import { earliest } from './merge-policies.js';
import { maskOf, NO_PERMISSIONS, type Permission, type PermissionMask } from './permission.js';
import { statusMask } from './status.js';

/** What one password may do less than its account. */
export interface CredentialLimits {
  readonly expiresAtMs: number | null;
  /** CIDR blocks or addresses; empty for any. */
  readonly addresses: readonly string[];
  /** The only part of the account's view that the password opens; null for all of it. */
  readonly pathPrefix: VirtualPath | null;
  readonly readOnly: boolean;
  readonly tlsOnly: boolean;
}

/** An ordinary password: no limits of its own. */
export const NO_CREDENTIAL_LIMITS: CredentialLimits = {
  expiresAtMs: null,
  addresses: [],
  pathPrefix: null,
  readOnly: false,
  tlsOnly: false,
};

const LIST = maskOf(['list']);

/**
 * An account's policy as one of its passwords sees it. Outside `pathPrefix` everything is hidden; the folders that lead
 * to it can be listed and show nothing but the way.
 */
export function restrictToCredential(policy: AccessPolicy, limits: CredentialLimits): AccessPolicy {
  const { pathPrefix } = limits;
  if (
    pathPrefix === null &&
    !limits.readOnly &&
    !limits.tlsOnly &&
    limits.expiresAtMs === null &&
    limits.addresses.length === 0
  ) {
    return policy;
  }
  const addresses = compileAddressRules({ allow: limits.addresses });
  const isOutside = (path: VirtualPath) =>
    pathPrefix !== null && !isWithin(path, pathPrefix) && !isWithin(pathPrefix, path);
  return {
    ...policy,
    permissionsAt: (path) => policy.permissionsAt(path) & maskAt(limits, path),
    isHidden: (path) => isOutside(path) || policy.isHidden(path),
    hideRule: (path) => (isOutside(path) ? prefixRule(pathPrefix!) : policy.hideRule(path)),
    ruleFor: (permission, path) => credentialRule(limits, permission, path) ?? policy.ruleFor(permission, path),
    refusesVisit: (visit) => credentialRefusal(limits, addresses, visit) ?? policy.refusesVisit(visit),
    nextChange(atMs) {
      const expiry = limits.expiresAtMs !== null && limits.expiresAtMs > atMs ? limits.expiresAtMs : null;
      return earliest([expiry, policy.nextChange(atMs)]);
    },
    protocols: limits.tlsOnly ? { ...policy.protocols, ftp: false, tls: 'required' } : policy.protocols,
  };
}

function maskAt(limits: CredentialLimits, path: VirtualPath): PermissionMask {
  const mask = limits.readOnly ? statusMask('read_only') : ~0;
  if (limits.pathPrefix === null || isWithin(path, limits.pathPrefix)) return mask;
  return isWithin(limits.pathPrefix, path) ? mask & LIST : NO_PERMISSIONS;
}

function credentialRule(limits: CredentialLimits, permission: Permission, path: VirtualPath): DecidingRule | null {
  if ((maskAt(limits, path) & maskOf([permission])) !== 0) return null;
  if (limits.pathPrefix !== null && !isWithin(path, limits.pathPrefix)) return prefixRule(limits.pathPrefix);
  return ruleOf('the password is read-only');
}

function credentialRefusal(limits: CredentialLimits, addresses: CompiledAddresses, visit: Visit): Refusal | null {
  if (limits.expiresAtMs !== null && visit.atMs >= limits.expiresAtMs) {
    return { code: 'access.expired', rule: ruleOf(`expires at ${new Date(limits.expiresAtMs).toISOString()}`) };
  }
  if (limits.tlsOnly && !visit.tls) return { code: 'auth.tls-required', rule: ruleOf('TLS is required') };
  const refused = addresses.refusal(parseAddress(visit.address));
  return refused === null ? null : { code: 'access.address-refused', rule: ruleOf(refused) };
}

function prefixRule(prefix: VirtualPath): DecidingRule {
  return ruleOf(`the password opens only ${prefix}`);
}

function ruleOf(rule: string): DecidingRule {
  return { source: 'credential', policyId: null, rule };
}
