import type { GrantMount, SessionGrant } from '../session/session-grant.js';
import { isWithin, type VirtualPath } from '../paths/virtual-path.js';
import type { DecidingRule } from './access-policy.js';
import { maskOf, NO_PERMISSIONS, type Permission, type PermissionMask, permissionsOf, permits } from './permission.js';
import { statusMask } from './status.js';

/** What decides about the paths of an account's view; a SessionGrant is one. */
export interface AccessView extends Pick<SessionGrant, 'status' | 'statusText' | 'policy'> {
  /** Sorted so that the mount with the longest path comes first. */
  readonly mounts: readonly MountView[];
}

export type MountView = Pick<GrantMount, 'mountId' | 'path' | 'permissions'>;

const LIST = maskOf(['list']);
/** A mount point, and a folder that leads to one, is there whatever a space holds: it can be neither moved nor removed. */
const FIXED = maskOf(['rename', 'delete', 'rmdir']);

/** The mount that serves a path: the one with the longest path that contains it; null where none does. */
export function mountAt<Mount extends MountView>(mounts: readonly Mount[], path: VirtualPath): Mount | null {
  for (const mount of mounts) if (isWithin(path, mount.path)) return mount;
  return null;
}

/** Whether the path is a mount point or leads to one. */
export function isFixed(mounts: readonly MountView[], path: VirtualPath): boolean {
  return mounts.some((mount) => isWithin(mount.path, path));
}

/** What the mounts give at a path. A folder that only leads to mounts can be listed and nothing else. */
export function mountPermissions(mounts: readonly MountView[], path: VirtualPath): PermissionMask {
  const mount = mountAt(mounts, path);
  const fixed = isFixed(mounts, path);
  if (mount === null) return fixed ? LIST : NO_PERMISSIONS;
  return fixed ? mount.permissions & ~FIXED : mount.permissions;
}

/**
 * What an account may do at a path: mount, status and policy together. Cheap enough for every command and every line of
 * a listing. Hidden names are a question of its own: `policy.isHidden`.
 */
export function effectivePermissions(view: AccessView, path: VirtualPath): PermissionMask {
  return mountPermissions(view.mounts, path) & statusMask(view.status) & view.policy.permissionsAt(path);
}

/** Who decides about a permission at a path: the first that refuses, or the policy rule that allows; null for nobody. */
export function permissionRule(view: AccessView, permission: Permission, path: VirtualPath): DecidingRule | null {
  if (!permits(statusMask(view.status), permission)) {
    return { source: 'status', policyId: null, rule: `the status is ${view.status}` };
  }
  const given = mountPermissions(view.mounts, path);
  if (!permits(given, permission)) {
    const mount = mountAt(view.mounts, path);
    const rule =
      mount === null
        ? `nothing is mounted at ${path}`
        : permits(mount.permissions, permission)
          ? `${path} is a mount point or leads to one`
          : `the mount ${mount.path} gives ${permissionsOf(mount.permissions).join(', ') || 'nothing'}`;
    return { source: 'mount', policyId: null, rule };
  }
  return view.policy.ruleFor(permission, path);
}
