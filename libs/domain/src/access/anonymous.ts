import { isWithin, type VirtualPath } from '../paths/virtual-path.js';
import type { AccessPolicy, DecidingRule } from './access-policy.js';
import { maskOf, type PermissionMask } from './permission.js';

/** What visitors without a password may do beyond reading. */
export interface AnonymousAccess {
  /** Folder of the account's view where files can be left, but neither listed nor read; null where there is none. */
  readonly dropFolder: VirtualPath | null;
}

const READ = maskOf(['list', 'download']);
const LEAVE = maskOf(['upload']);

/** Whether a user name asks for the anonymous login (RFC 1635; `ftp` is its usual other spelling). */
export function isAnonymousName(username: string): boolean {
  return username === 'anonymous' || username === 'ftp';
}

/** An account's policy as its anonymous visitors meet it: reading, and new files in the drop folder; never more. */
export function restrictToAnonymous(policy: AccessPolicy, access: AnonymousAccess): AccessPolicy {
  return {
    ...policy,
    permissionsAt: (path) => policy.permissionsAt(path) & maskAt(access, path),
    ruleFor(permission, path) {
      if ((maskAt(access, path) & maskOf([permission])) === 0) return anonymousRule(access, path);
      return policy.ruleFor(permission, path);
    },
  };
}

/** Whether a path is strictly inside the drop folder. */
export function isDrop({ dropFolder }: AnonymousAccess, path: VirtualPath): boolean {
  return dropFolder !== null && path !== dropFolder && isWithin(path, dropFolder);
}

function maskAt({ dropFolder }: AnonymousAccess, path: VirtualPath): PermissionMask {
  return dropFolder !== null && isWithin(path, dropFolder) ? LEAVE : READ;
}

function anonymousRule({ dropFolder }: AnonymousAccess, path: VirtualPath): DecidingRule {
  const rule =
    dropFolder !== null && isWithin(path, dropFolder)
      ? `anonymous visitors may only leave files in ${dropFolder}`
      : 'anonymous visitors may only read';
  return { source: 'anonymous', policyId: null, rule };
}
