import { DomainError } from '@quayside/domain';

/** A refused login of an account that exists: its event belongs to the tenant, whose admins want to see it. */
export class LoginRefused extends DomainError {
  constructor(
    error: DomainError,
    readonly tenantId: string,
    readonly accountId: string,
  ) {
    super(error.code, { detail: error.detail, cause: error.cause });
  }
}
