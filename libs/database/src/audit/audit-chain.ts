import { createHash } from 'node:crypto';

/** What an audit entry says; the hash covers every member. */
export interface AuditFacts {
  readonly id: string;
  /** RFC 3339 UTC with milliseconds. */
  readonly at: string;
  readonly tenantId: string | null;
  readonly actorId: string;
  readonly actor: string;
  readonly address: string;
  /** For example `account.suspend`. */
  readonly action: string;
  readonly resource: string;
  readonly resourceId: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** The `prevHash` of the first entry. */
export const GENESIS = Buffer.alloc(32);

/** SHA-256 over the hash before and the entry, so that no entry can be changed, dropped or moved unnoticed. */
export function chainHash(previous: Uint8Array, facts: AuditFacts): Buffer {
  const { id, at, tenantId, actorId, actor, address, action, resource, resourceId, before, after } = facts;
  const members = [
    id,
    at,
    tenantId,
    actorId,
    actor,
    address,
    action,
    resource,
    resourceId,
    before ?? null,
    after ?? null,
  ];
  return createHash('sha256').update(previous).update(stableJson(members)).digest();
}

/** JSON with sorted keys: jsonb does not keep their order. */
function stableJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
