import type { ErrorCode } from '../errors/error-catalog.js';
import type { VirtualPath } from '../paths/virtual-path.js';
import { ALL_PERMISSIONS, type Permission, type PermissionMask } from './permission.js';
import type { Caps, ProtocolRules } from './policy-rules.js';

/** An upload's rules with every default filled in. */
export interface EffectiveUploadRules {
  readonly mode: 'staged' | 'direct';
  readonly receipts: boolean;
  readonly partialTtlHours: number;
}

/** Why something was refused: the rule and the policy it comes from, for the explain API and the event. */
export interface DecidingRule {
  /** `platform`, `tenant` or `account`, or `status`, `mount`, `credential` for what is no policy. */
  readonly source: string;
  readonly policyId: string | null;
  /** Human-readable form of the rule, e.g. `deny delete at /public/**`. */
  readonly rule: string;
}

/** From where, how and when somebody uses the account. */
export interface Visit {
  /** The client's IP address. */
  readonly address: string;
  /** Whether the control connection is inside TLS. */
  readonly tls: boolean;
  readonly atMs: number;
}

/** A refusal before anything else is looked at: the code of the error table and the rule that decided. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly rule: DecidingRule;
}

/** The merged, compiled rules of one account; answers are pure and cheap enough for every command. */
export interface AccessPolicy {
  /** Permissions at a path of the account's view, before the mount's own are taken into account. */
  permissionsAt(path: VirtualPath): PermissionMask;
  /** Whether a file (default) or folder of this name may be created, or a file be written, at the path. */
  mayCreate(path: VirtualPath, kind?: 'file' | 'directory'): boolean;
  /** Whether listings leave the entry out and every access answers as if it did not exist. */
  isHidden(path: VirtualPath): boolean;
  /** Which rule decides a permission at a path (explain). */
  ruleFor(permission: Permission, path: VirtualPath): DecidingRule | null;
  /** A rule that may refuse a permission somewhere strictly below a folder: asked before a whole folder moves. */
  ruleBelow(permission: Permission, path: VirtualPath): DecidingRule | null;
  /** The name rule because of which `mayCreate` is false. */
  nameRule(path: VirtualPath, kind: 'file' | 'directory'): DecidingRule | null;
  /** The name rule because of which `isHidden` is true. */
  hideRule(path: VirtualPath): DecidingRule | null;
  /** Why address, protocol, hour or date are refused; null where they are not. Asked at login and again while it lasts. */
  refusesVisit(visit: Visit): Refusal | null;
  /** The next instant at which time alone may change the answer of `refusesVisit`; null where none. */
  nextChange(atMs: number): number | null;
  /** Which policy sets the cap that holds. */
  capRule(cap: keyof Caps): DecidingRule | null;
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
  ruleBelow: () => null,
  nameRule: () => null,
  hideRule: () => null,
  refusesVisit: () => null,
  nextChange: () => null,
  capRule: () => null,
  protocols: { ftp: true, ftps: true, tls: 'optional', sessionReuse: 'prefer' },
  caps: {},
  uploads: { mode: 'staged', receipts: true, partialTtlHours: 24 },
};
