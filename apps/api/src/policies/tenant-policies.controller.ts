import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
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
import { IdParam, TenantParam } from '../http/path-parameters.js';
import {
  type CreatePolicy,
  createTenantPolicy,
  patchTenantPolicy,
  policyOut,
  policyPage,
  policyQuery,
  type PolicyQuery,
} from './policies.schema.js';
import { PoliciesService } from './policies.service.js';
import { policyPreview, previewInput, type PreviewInput } from './policy-preview.schema.js';
import { PolicyPreviewService } from './policy-preview.service.js';

@ApiTags('Policies')
@Controller('v1/tenants/:tenant/policies')
export class TenantPoliciesController {
  constructor(
    private readonly policies: PoliciesService,
    private readonly previews: PolicyPreviewService,
  ) {}

  @Post()
  @RequireRole('tenant-admin')
  @TenantParam()
  @ApiOperation({ operationId: 'createTenantPolicy', summary: 'Make a policy of the tenant' })
  @TakesIdempotencyKey()
  @Answers(policyOut, { status: 201, description: 'The policy', editable: true })
  @Fails('tenant.not-found', 'policy.name-taken')
  create(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Body({ schema: createTenantPolicy }) input: CreatePolicy,
  ) {
    return this.policies.create(actor, tenant.id, input);
  }

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'listTenantPolicies', summary: 'List the policies of the tenant, by name' })
  @Answers(policyPage, { description: 'A page of policies' })
  @Fails('tenant.not-found', 'cursor.invalid')
  list(@CurrentTenant() tenant: TenantRef, @Query({ schema: policyQuery }) query: PolicyQuery) {
    return this.policies.list(tenant.id, query);
  }

  @Get(':id')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @IdParam('policy')
  @ApiOperation({ operationId: 'getTenantPolicy', summary: 'Read a policy of the tenant' })
  @Answers(policyOut, { description: 'The policy', editable: true })
  @Fails('tenant.not-found', 'policy.not-found')
  get(@CurrentTenant() tenant: TenantRef, @Param('id') id: string) {
    return this.policies.get(tenant.id, id);
  }

  @Patch(':id')
  @RequireRole('tenant-admin')
  @TenantParam()
  @IdParam('policy')
  @ApiOperation({
    operationId: 'patchTenantPolicy',
    summary: 'Change a policy of the tenant (RFC 7396 merge patch); it holds at once, on open sessions too',
  })
  @TakesMergePatch()
  @Answers(policyOut, { description: 'The policy as it is now', editable: true })
  @Fails('tenant.not-found', 'policy.not-found', 'policy.name-taken')
  patch(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
    @Body({ schema: patchTenantPolicy }) patch: unknown,
  ) {
    return this.policies.patch(actor, tenant.id, id, precondition, patch);
  }

  @Delete(':id')
  @RequireRole('tenant-admin')
  @HttpCode(204)
  @TenantParam()
  @IdParam('policy')
  @ApiOperation({
    operationId: 'deleteTenantPolicy',
    summary: 'Delete a policy of the tenant that nobody has any more',
  })
  @TakesIfMatch()
  @AnswersNothing('The policy is gone')
  @Fails('tenant.not-found', 'policy.not-found', 'policy.in-use')
  delete(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
  ) {
    return this.policies.delete(actor, tenant.id, id, precondition);
  }

  @Post(':id/preview')
  @RequireRole('tenant-admin')
  @HttpCode(200)
  @TenantParam()
  @IdParam('policy')
  @ApiOperation({
    operationId: 'previewTenantPolicy',
    summary: 'List the accounts whose answers other rules would change; nothing is changed',
  })
  @TakesIdempotencyKey()
  @Answers(policyPreview, { description: 'What would change' })
  @Fails('tenant.not-found', 'policy.not-found')
  preview(
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @Body({ schema: previewInput }) input: PreviewInput,
  ) {
    return this.previews.preview(tenant.id, id, input);
  }
}
