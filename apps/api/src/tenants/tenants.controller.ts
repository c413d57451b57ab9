import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import type { Actor } from '../auth/actor.js';
import { CurrentActor, CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import type { Precondition } from '../http/etag.js';
import { IfMatch } from '../http/if-match.decorator.js';
import { TenantParam } from '../http/path-parameters.js';
import {
  Answers,
  AnswersNothing,
  Fails,
  TakesIdempotencyKey,
  TakesIfMatch,
  TakesMergePatch,
} from '../http/openapi.decorators.js';
import {
  createTenant,
  type CreateTenant,
  patchTenant,
  suspension,
  type Suspension,
  tenantOut,
  tenantPage,
  tenantQuery,
  type TenantQuery,
} from './tenants.schema.js';
import { nothing } from '../http/fields.js';
import { TenantsService } from './tenants.service.js';

@ApiTags('Tenants')
@Controller('v1/tenants')
export class TenantsController {
  constructor(private readonly tenants: TenantsService) {}

  @Post()
  @RequireRole('platform-admin')
  @ApiOperation({ operationId: 'createTenant', summary: 'Create a tenant' })
  @TakesIdempotencyKey()
  @Answers(tenantOut, { status: 201, description: 'The tenant', editable: true })
  @Fails('tenant.slug-taken', 'policy.not-found')
  create(@CurrentActor() actor: Actor, @Body({ schema: createTenant }) input: CreateTenant) {
    return this.tenants.create(actor, input);
  }

  @Get()
  @RequireRole('platform-admin')
  @ApiOperation({ operationId: 'listTenants', summary: 'List tenants' })
  @Answers(tenantPage, { description: 'A page of tenants' })
  @Fails('cursor.invalid')
  list(@Query({ schema: tenantQuery }) query: TenantQuery) {
    return this.tenants.list(query);
  }

  @Get(':tenant')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'getTenant', summary: 'Read a tenant with its limits and its usage' })
  @Answers(tenantOut, { description: 'The tenant', editable: true })
  @Fails('tenant.not-found')
  get(@CurrentTenant() tenant: TenantRef) {
    return this.tenants.get(tenant.id);
  }

  @Patch(':tenant')
  @RequireRole('platform-admin')
  @TenantParam()
  @ApiOperation({ operationId: 'patchTenant', summary: 'Change a tenant (RFC 7396 merge patch)' })
  @TakesMergePatch()
  @Answers(tenantOut, { description: 'The tenant as it is now', editable: true })
  @Fails('tenant.not-found', 'tenant.slug-taken', 'policy.not-found', 'account.not-found')
  patch(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @IfMatch() precondition: Precondition,
    @Body({ schema: patchTenant }) patch: unknown,
  ) {
    return this.tenants.patch(actor, tenant.id, precondition, patch);
  }

  @Delete(':tenant')
  @RequireRole('platform-admin')
  @HttpCode(204)
  @TenantParam()
  @ApiOperation({
    operationId: 'deleteTenant',
    summary: 'Delete a tenant that has no accounts and no spaces any more, with its API keys',
  })
  @TakesIfMatch()
  @AnswersNothing('The tenant is gone')
  @Fails('tenant.not-found', 'tenant.not-empty')
  delete(@CurrentActor() actor: Actor, @CurrentTenant() tenant: TenantRef, @IfMatch() precondition: Precondition) {
    return this.tenants.delete(actor, tenant.id, precondition);
  }

  @Post(':tenant/suspend')
  @RequireRole('platform-admin')
  @HttpCode(200)
  @TenantParam()
  @ApiOperation({ operationId: 'suspendTenant', summary: 'Suspend a tenant: its sessions end, new logins are refused' })
  @TakesIdempotencyKey()
  @TakesIfMatch()
  @Answers(tenantOut, { description: 'The tenant as it is now', editable: true })
  @Fails('tenant.not-found')
  suspend(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @IfMatch() precondition: Precondition,
    @Body({ schema: suspension }) input: Suspension,
  ) {
    return this.tenants.suspend(actor, tenant.id, precondition, input.reason ?? null);
  }

  @Post(':tenant/resume')
  @RequireRole('platform-admin')
  @HttpCode(200)
  @TenantParam()
  @ApiOperation({ operationId: 'resumeTenant', summary: 'End the suspension of a tenant' })
  @TakesIdempotencyKey()
  @TakesIfMatch()
  @Answers(tenantOut, { description: 'The tenant as it is now', editable: true })
  @Fails('tenant.not-found')
  resume(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @IfMatch() precondition: Precondition,
    @Body({ schema: nothing }) _input: object,
  ) {
    return this.tenants.resume(actor, tenant.id, precondition);
  }
}
