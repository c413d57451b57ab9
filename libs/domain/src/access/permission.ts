/** What an account may do at a path. One permission per kind of effect; verbs map onto them in the FTP engine. */
export const PERMISSIONS = [
  'list',
  'download',
  'upload',
  'overwrite',
  'append',
  'rename',
  'delete',
  'mkdir',
  'rmdir',
  'chmod',
  'touch',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** A set of permissions as bits: bit n stands for `PERMISSIONS[n]`. */
export type PermissionMask = number;

const BIT = new Map<Permission, number>(PERMISSIONS.map((name, index) => [name, 1 << index]));

export const ALL_PERMISSIONS: PermissionMask = (1 << PERMISSIONS.length) - 1;
export const NO_PERMISSIONS: PermissionMask = 0;

export function maskOf(permissions: Iterable<Permission>): PermissionMask {
  let mask = 0;
  for (const permission of permissions) mask |= BIT.get(permission)!;
  return mask;
}

export function permissionsOf(mask: PermissionMask): Permission[] {
  return PERMISSIONS.filter((name) => (mask & BIT.get(name)!) !== 0);
}

export function permits(mask: PermissionMask, permission: Permission): boolean {
  return (mask & BIT.get(permission)!) !== 0;
}
