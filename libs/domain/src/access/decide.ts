import { DomainError } from '../errors/domain-error.js';
import type { ErrorCode } from '../errors/error-catalog.js';
import { type ErrorReply, toReply } from '../errors/to-reply.js';
import type { VirtualPath } from '../paths/virtual-path.js';
import type { DecidingRule } from './access-policy.js';
import { type CredentialLimits, NO_CREDENTIAL_LIMITS, restrictToCredential } from './credential-limits.js';
import { type AccessView, permissionRule } from './effective-permissions.js';
import { evaluateLogin, type LoginFacts, loginError, refusedLoginReply } from './login-policy.js';
import { type PathAccess, type PathRefusal, refusesPath } from './path-access.js';
import { PERMISSIONS } from './permission.js';
import { effectiveStatus } from './status.js';

/** What can be asked about: every permission, and the login itself. */
export const OPERATIONS = ['login', ...PERMISSIONS] as const;
export type Operation = (typeof OPERATIONS)[number];

/** An account as explain and the FTP worker know it. */
export interface AccessSubject extends Omit<LoginFacts, 'attempt' | 'credential'> {
  readonly credential?: CredentialLimits | null;
  /** Sorted so that the mount with the longest path comes first. */
  readonly mounts: AccessView['mounts'];
}

export interface AccessRequest extends Omit<PathAccess, 'operation' | 'path'> {
  readonly operation: Operation;
  /** Not needed for `login`. */
  readonly path?: VirtualPath;
  readonly address: string;
  readonly tls: boolean;
  readonly atMs: number;
}

/** Allow or deny, why, and what the client reads. */
export interface AccessDecision {
  readonly allowed: boolean;
  /** Row of the error table; null where allowed. */
  readonly code: ErrorCode | null;
  /** The rule that decided; null where nothing but defaults did. */
  readonly rule: DecidingRule | null;
  readonly ftpReply: ErrorReply;
}

/** Replies of commands that succeed. */
const DONE: Record<Operation, ErrorReply> = {
  login: { code: 230, text: 'Logged in' },
  list: { code: 226, text: 'Transfer complete' },
  download: { code: 226, text: 'Transfer complete' },
  upload: { code: 226, text: 'Transfer complete' },
  overwrite: { code: 226, text: 'Transfer complete' },
  append: { code: 226, text: 'Transfer complete' },
  rename: { code: 250, text: 'Renamed' },
  delete: { code: 250, text: 'Deleted' },
  mkdir: { code: 257, text: 'Created' },
  rmdir: { code: 250, text: 'Removed' },
  chmod: { code: 200, text: 'Mode changed' },
  touch: { code: 213, text: 'Time changed' },
};

/** RFC 959 §5.4 does not list 550 for RNTO. */
export const RENAME_TARGET_REPLIES: Partial<Record<ErrorCode, number>> = { 'access.denied': 553 };

/**
 * What happens when the account, used from there, so, and then, does this: the same `evaluateLogin` and `refusesPath`
 * that the FTP worker runs.
 */
export function decide(subject: AccessSubject, request: AccessRequest): AccessDecision {
  const { address, tls, atMs } = request;
  const credential = subject.credential ?? null;
  const login = evaluateLogin({ ...subject, credential, attempt: { address, tls, atMs } });
  if (!login.ok) {
    return {
      allowed: false,
      code: login.error,
      rule: login.rule,
      ftpReply: refusedLoginReply(loginError(login)),
    };
  }
  if (request.operation === 'login') return { allowed: true, code: null, rule: null, ftpReply: DONE.login };
  if (request.path === undefined)
    throw new DomainError('request.invalid', { faults: [{ field: 'path', message: 'is required' }] });
  const view = viewOf(subject);
  const access: PathAccess = { ...request, operation: request.operation, path: request.path };
  const refusal = refusesPath(view, access);
  if (refusal !== null) {
    return { allowed: false, code: refusal.code, rule: refusal.rule, ftpReply: refusalReply(refusal) };
  }
  const rule = permissionRule(view, access.operation, access.path);
  return { allowed: true, code: null, rule, ftpReply: DONE[access.operation] };
}

/** The view that a login with these facts would get. */
export function viewOf(subject: AccessSubject): AccessView {
  const { status, text } = effectiveStatus(subject.tenant, subject.account);
  const policy = restrictToCredential(subject.policy, subject.credential ?? NO_CREDENTIAL_LIMITS);
  return { status, statusText: text, mounts: subject.mounts, policy };
}

/** A path refusal as the error that the command throws. */
export function pathError(refusal: PathRefusal): DomainError {
  return new DomainError(refusal.code, refusal.detail === null ? {} : { detail: refusal.detail });
}

/** The reply that the client gets for a path refusal. */
export function refusalReply(refusal: PathRefusal): ErrorReply {
  return toReply(pathError(refusal), refusal.target ? RENAME_TARGET_REPLIES : {});
}

/** Throws what refuses a command, for callers that go on otherwise. */
export function assertPathAccess(view: AccessView, access: PathAccess): void {
  const refusal = refusesPath(view, access);
  if (refusal !== null) throw pathError(refusal);
}
