import type { VirtualPath } from '../paths/virtual-path.js';
import { ALL_PERMISSIONS, type Permission, type PermissionMask, permits } from './permission.js';
import type { Caps, ProtocolRules } from './policy-rules.js';

/** An upload's rules with every default filled in. */
export interface EffectiveUploadRules {
  readonly mode: 'staged' | 'direct';
  readonly receipts: boolean;
  readonly partialTtlHours: number;
}

/** Why something was refused: the rule and the policy it comes from, for the explain API and the event. */
export interface DecidingRule {
  /** `platform`, `tenant` or `account`, or `status`, `mount` for what is no policy. */
  readonly source: string;
  readonly policyId: string | null;
  /** Human-readable form of the rule, e.g. `deny delete at /public/**`. */
  readonly rule: string;
}

/** The merged, compiled rules of one account; answers are pure and cheap enough for every command. */
export interface AccessPolicy {
  /** Permissions at a path of the account's view, before the mount's own are taken into account. */
  permissionsAt(path: VirtualPath): PermissionMask;
  /** Whether a file or folder of this name may be created at the path. */
  mayCreate(path: VirtualPath): boolean;
  /** Whether listings leave the entry out and every access answers as if it did not exist. */
  isHidden(path: VirtualPath): boolean;
  /** Which rule decides a permission at a path (explain). */
  ruleFor(permission: Permission, path: VirtualPath): DecidingRule | null;
  readonly protocols: Required<ProtocolRules>;
  readonly caps: Caps;
  readonly uploads: EffectiveUploadRules;
}

/** The policy that allows everything: what an account has where no policy says anything. */
export const OPEN_POLICY: AccessPolicy = {
  permissionsAt: () => ALL_PERMISSIONS,
  mayCreate: () => true,
  isHidden: () => false,
  ruleFor: () => null,
  protocols: { ftp: true, ftps: true, tls: 'optional', sessionReuse: 'prefer' },
  caps: {},
  uploads: { mode: 'staged', receipts: true, partialTtlHours: 24 },
};

/** Whether the policy gives a permission at a path. */
export function policyPermits(policy: AccessPolicy, permission: Permission, path: VirtualPath): boolean {
  return permits(policy.permissionsAt(path), permission);
}
