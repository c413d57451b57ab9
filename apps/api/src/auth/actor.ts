export const ROLES = ['platform-admin', 'tenant-admin', 'tenant-viewer'] as const;
export type Role = (typeof ROLES)[number];

/** Who makes a request: the API key that it carries. */
export interface Actor {
  readonly apiKeyId: string;
  /** Name of the key, for the audit log. */
  readonly name: string;
  readonly role: Role;
  /** The tenant that the key is bound to; null for platform admins. */
  readonly tenantId: string | null;
  readonly address: string;
  /** The bearer token: key material for what is stored encrypted for this caller only. Never logged or stored. */
  readonly token: string;
}

const RANK: Readonly<Record<Role, number>> = { 'tenant-viewer': 0, 'tenant-admin': 1, 'platform-admin': 2 };

/** Whether a role includes another one's rights. */
export function includesRole(role: Role, wanted: Role): boolean {
  return RANK[role] >= RANK[wanted];
}
