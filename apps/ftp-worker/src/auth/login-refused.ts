import type { DomainError } from '@quayside/domain';
import { LoginRefusal } from '@quayside/ftp-engine';

/** A refused login at a tenant that exists: its event belongs to the tenant, whose admins want to see it. */
export class LoginRefused extends LoginRefusal {
  constructor(
    error: DomainError,
    holdMs: number,
    readonly tenantId: string,
    /** Null where the tenant has no such account. */
    readonly accountId: string | null,
  ) {
    super(error, holdMs);
  }
}
