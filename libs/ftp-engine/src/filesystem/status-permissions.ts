import { ALL_PERMISSIONS, maskOf, NO_PERMISSIONS, type PermissionMask, type Status } from '@quayside/domain';

const READING = maskOf(['list', 'download']);

/** What a status leaves of every permission. Both graded suspensions let the customer fetch what is there and no more. */
export function permissionsOfStatus(status: Status): PermissionMask {
  if (status === 'active') return ALL_PERMISSIONS;
  return status === 'suspended' ? NO_PERMISSIONS : READING;
}
