import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import type { Actor } from '../auth/actor.js';
import { CurrentActor, CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import type { Precondition } from '../http/etag.js';
import { IfMatch } from '../http/if-match.decorator.js';
import {
  Answers,
  AnswersNothing,
  Fails,
  TakesIdempotencyKey,
  TakesIfMatch,
  TakesMergePatch,
} from '../http/openapi.decorators.js';
import { TenantParam } from '../http/path-parameters.js';
import {
  createDomain,
  type CreateDomain,
  domainOut,
  domainPage,
  domainQuery,
  type DomainQuery,
  patchDomain,
  type PatchDomain,
} from './domains.schema.js';
import { DomainsService } from './domains.service.js';

const DomainParam = (): MethodDecorator =>
  ApiParam({
    name: 'domain',
    description: 'Id or host name.',
    schema: { type: 'string', examples: ['ftp.example.com'] },
  });

/** A host name leads every client that asks for it to the tenant, so only the platform gives them out. */
@ApiTags('Domains')
@Controller('v1/tenants/:tenant/domains')
export class DomainsController {
  constructor(private readonly domains: DomainsService) {}

  @Post()
  @RequireRole('platform-admin')
  @TenantParam()
  @ApiOperation({
    operationId: 'createDomain',
    summary: 'Give the tenant a host name, with its own certificate or without',
  })
  @TakesIdempotencyKey()
  @Answers(domainOut, { status: 201, description: 'The domain; its key is never shown', editable: true })
  @Fails('tenant.not-found', 'domain.taken', 'domain.limit-reached')
  create(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Body({ schema: createDomain }) input: CreateDomain,
  ) {
    return this.domains.create(actor, tenant.id, input);
  }

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'listDomains', summary: 'List the host names of the tenant, by name' })
  @Answers(domainPage, { description: 'A page of domains' })
  @Fails('tenant.not-found', 'cursor.invalid')
  list(@CurrentTenant() tenant: TenantRef, @Query({ schema: domainQuery }) query: DomainQuery) {
    return this.domains.list(tenant.id, query);
  }

  @Get(':domain')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @DomainParam()
  @ApiOperation({ operationId: 'getDomain', summary: 'Read a host name and what its certificate says' })
  @Answers(domainOut, { description: 'The domain', editable: true })
  @Fails('tenant.not-found', 'domain.not-found')
  get(@CurrentTenant() tenant: TenantRef, @Param('domain') domain: string) {
    return this.domains.get(tenant.id, domain);
  }

  @Patch(':domain')
  @RequireRole('tenant-admin')
  @TenantParam()
  @DomainParam()
  @ApiOperation({
    operationId: 'patchDomain',
    summary: 'Replace the certificate of a host name; new connections get it',
  })
  @TakesMergePatch()
  @Answers(domainOut, { description: 'The domain as it is now', editable: true })
  @Fails('tenant.not-found', 'domain.not-found')
  patch(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('domain') domain: string,
    @IfMatch() precondition: Precondition,
    @Body({ schema: patchDomain }) input: PatchDomain,
  ) {
    return this.domains.patch(actor, tenant.id, domain, precondition, input);
  }

  @Delete(':domain')
  @RequireRole('platform-admin')
  @HttpCode(204)
  @TenantParam()
  @DomainParam()
  @ApiOperation({ operationId: 'deleteDomain', summary: 'Take a host name away from the tenant' })
  @TakesIfMatch()
  @AnswersNothing('The domain is gone')
  @Fails('tenant.not-found', 'domain.not-found')
  delete(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('domain') domain: string,
    @IfMatch() precondition: Precondition,
  ) {
    return this.domains.delete(actor, tenant.id, domain, precondition);
  }
}
