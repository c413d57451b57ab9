import type { ErrorCode } from '../errors/error-catalog.js';
import { parentOf, type VirtualPath } from '../paths/virtual-path.js';
import type { DecidingRule, Refusal } from './access-policy.js';
import { type AccessView, effectivePermissions, permissionRule } from './effective-permissions.js';
import { type Permission, permits } from './permission.js';
import { statusMask, statusSentence } from './status.js';

/** One thing that a command wants to do to the files of a view. */
export interface PathAccess {
  readonly operation: Permission;
  readonly path: VirtualPath;
  /** Where `rename` goes. */
  readonly newPath?: VirtualPath;
  /** Whether a file is in place at `newPath` (it would be replaced). */
  readonly replaces?: boolean;
  /** Whether `rename` moves a folder. */
  readonly directory?: boolean;
}

/** Why a command is refused, and what the customer may be told about it. */
export interface PathRefusal extends Refusal {
  /** Text for the reply where the row's own title does not say enough; null otherwise. */
  readonly detail: string | null;
  /** Which of the two paths of a `rename` is refused: its RNFR or its RNTO. */
  readonly target: boolean;
}

/** Operations that put content or an entry at a name, with the kind of entry. */
const WRITES: Partial<Record<Permission, 'file' | 'directory'>> = {
  upload: 'file',
  overwrite: 'file',
  append: 'file',
  mkdir: 'directory',
};

/**
 * THE decision about files: hidden names, status, mount, policy and name rules, in this order; null where the command
 * may run. `rename` needs `rename` at both ends; in another folder also `upload` (`mkdir` for a folder) there, and
 * `overwrite` where it replaces a file; a folder moves only where no rule protects anything below either end.
 */
export function refusesPath(view: AccessView, access: PathAccess): PathRefusal | null {
  const { operation, path, newPath } = access;
  const kind = WRITES[operation];
  const refusal = refusesAt(view, operation, path, kind ?? null, false);
  if (refusal !== null || operation !== 'rename') return refusal;
  return access.directory === true
    ? refusesMove(view, access)
    : newPath === undefined
      ? null
      : refusesTarget(view, access, newPath);
}

function refusesAt(
  view: AccessView,
  permission: Permission,
  path: VirtualPath,
  creates: 'file' | 'directory' | null,
  target: boolean,
): PathRefusal | null {
  const { policy, status } = view;
  if (policy.isHidden(path)) {
    return refused(creates === null ? 'path.not-found' : 'path.name-refused', policy.hideRule(path)!, target);
  }
  if (!permits(effectivePermissions(view, path), permission)) {
    const detail = permits(statusMask(status), permission) ? null : statusSentence(status, view.statusText);
    return { code: 'access.denied', rule: permissionRule(view, permission, path)!, detail, target };
  }
  const nameRule = creates === null ? null : policy.nameRule(path, creates);
  return nameRule === null ? null : refused('path.name-refused', nameRule, target);
}

function refusesTarget(view: AccessView, access: PathAccess, newPath: VirtualPath): PathRefusal | null {
  const kind = access.directory === true ? 'directory' : 'file';
  const needed: Permission[] = ['rename'];
  if (parentOf(newPath) !== parentOf(access.path)) needed.push(kind === 'directory' ? 'mkdir' : 'upload');
  if (access.replaces === true) needed.push('overwrite');
  for (const permission of needed) {
    const refusal = refusesAt(view, permission, newPath, kind, true);
    if (refusal !== null) return refusal;
  }
  return null;
}

function refusesMove(view: AccessView, access: PathAccess): PathRefusal | null {
  const { path, newPath } = access;
  const source = view.policy.ruleBelow('rename', path);
  if (source !== null) return refused('access.denied', source, false);
  if (newPath === undefined) return null;
  const refusal = refusesTarget(view, access, newPath);
  if (refusal !== null) return refusal;
  const target = view.policy.ruleBelow('rename', newPath) ?? view.policy.ruleBelow('upload', newPath);
  return target === null ? null : refused('access.denied', target, true);
}

function refused(code: ErrorCode, rule: DecidingRule, target: boolean): PathRefusal {
  return { code, rule, detail: null, target };
}
