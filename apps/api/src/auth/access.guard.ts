import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { DomainError } from '@quayside/domain';
import { ApiKeyRepository } from '@quayside/database';
import { addressOf, type ApiRequest, headerOf } from '../http/exchange.js';
import { type Actor, includesRole, type Role } from './actor.js';
import { bearerToken, hashApiKey } from './api-key-format.js';
import { PUBLIC, REQUIRED_ROLE } from './roles.decorator.js';

/**
 * The one place that decides who may call what. In this order: the key; the tenant of the route, where one that the
 * key may not see answers exactly like one that does not exist; the role.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly apiKeys: ApiKeyRepository,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC, targets) === true) return true;
    const request = context.switchToHttp().getRequest<ApiRequest>();

    const actor = await this.#authenticate(request);
    if (request.params.tenant !== undefined && request.tenant === undefined) {
      throw new DomainError('tenant.not-found');
    }
    const wanted = this.reflector.getAllAndOverride<Role | undefined>(REQUIRED_ROLE, targets);
    // A handler without a declared role is a mistake of ours: nobody may call it.
    if (wanted === undefined || !includesRole(actor.role, wanted)) throw new DomainError('access.forbidden');
    return true;
  }

  /** Sets `actor` and, where the route names a tenant that the key may see, `tenant`; one statement for both. */
  async #authenticate(request: ApiRequest): Promise<Actor> {
    const authorization = headerOf(request, 'authorization');
    if (authorization === undefined) throw new DomainError('auth.missing');
    const token = bearerToken(authorization);
    const found =
      token === null ? null : await this.apiKeys.findAccess(hashApiKey(token), request.params.tenant ?? null);
    if (token === null || found === null) throw new DomainError('auth.failed', { detail: 'The API key is not valid' });
    const { key, tenant } = found;
    request.actor = {
      apiKeyId: key.id,
      name: key.name,
      role: key.role as Role,
      tenantId: key.tenantId,
      address: addressOf(request),
      token,
    };
    if (tenant !== null) request.tenant = tenant;
    return request.actor;
  }
}
