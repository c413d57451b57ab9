import type { DomainError } from '@quayside/domain';
import { LoginRefusal } from '@quayside/ftp-engine';

/** A refused login of an account that exists: its event belongs to the tenant, whose admins want to see it. */
export class LoginRefused extends LoginRefusal {
  constructor(
    error: DomainError,
    holdMs: number,
    readonly tenantId: string,
    readonly accountId: string,
  ) {
    super(error, holdMs);
  }
}
