import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';

import type { Actor } from '../auth/actor.js';
import { CurrentActor } from '../auth/current.decorators.js';
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
import { IdParam } from '../http/path-parameters.js';
import {
  type CreatePolicy,
  createPlatformPolicy,
  patchPlatformPolicy,
  platformPolicyOut,
  platformPolicyPage,
  policyQuery,
  type PolicyQuery,
} from './policies.schema.js';
import { PoliciesService } from './policies.service.js';
import { policyPreview, previewInput, type PreviewInput } from './policy-preview.schema.js';
import { PolicyPreviewService } from './policy-preview.service.js';

@ApiTags('Policies')
@RequireRole('platform-admin')
@Controller('v1/policies')
export class PlatformPoliciesController {
  constructor(
    private readonly policies: PoliciesService,
    private readonly previews: PolicyPreviewService,
  ) {}

  @Post()
  @ApiOperation({ operationId: 'createPlatformPolicy', summary: 'Make a policy of the platform' })
  @TakesIdempotencyKey()
  @Answers(platformPolicyOut, { status: 201, description: 'The policy', editable: true })
  @Fails('policy.name-taken')
  create(@CurrentActor() actor: Actor, @Body({ schema: createPlatformPolicy }) input: CreatePolicy) {
    return this.policies.create(actor, null, input);
  }

  @Get()
  @ApiOperation({ operationId: 'listPlatformPolicies', summary: 'List the policies of the platform, by name' })
  @Answers(platformPolicyPage, { description: 'A page of policies' })
  @Fails('cursor.invalid')
  list(@Query({ schema: policyQuery }) query: PolicyQuery) {
    return this.policies.list(null, query);
  }

  @Get(':id')
  @IdParam('policy')
  @ApiOperation({ operationId: 'getPlatformPolicy', summary: 'Read a policy of the platform' })
  @Answers(platformPolicyOut, { description: 'The policy', editable: true })
  @Fails('policy.not-found')
  get(@Param('id') id: string) {
    return this.policies.get(null, id);
  }

  @Patch(':id')
  @IdParam('policy')
  @ApiOperation({
    operationId: 'patchPlatformPolicy',
    summary: 'Change a policy of the platform (RFC 7396 merge patch); it holds at once, on open sessions too',
  })
  @TakesMergePatch()
  @Answers(platformPolicyOut, { description: 'The policy as it is now', editable: true })
  @Fails('policy.not-found', 'policy.name-taken')
  patch(
    @CurrentActor() actor: Actor,

    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
    @Body({ schema: patchPlatformPolicy }) patch: unknown,
  ) {
    return this.policies.patch(actor, null, id, precondition, patch);
  }

  @Delete(':id')
  @HttpCode(204)
  @IdParam('policy')
  @ApiOperation({
    operationId: 'deletePlatformPolicy',
    summary: 'Delete a policy of the platform that nobody has any more',
  })
  @TakesIfMatch()
  @AnswersNothing('The policy is gone')
  @Fails('policy.not-found', 'policy.in-use')
  delete(
    @CurrentActor() actor: Actor,

    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
  ) {
    return this.policies.delete(actor, null, id, precondition);
  }

  @Post(':id/preview')
  @HttpCode(200)
  @IdParam('policy')
  @ApiOperation({
    operationId: 'previewPlatformPolicy',
    summary: 'List the accounts whose answers other rules would change; nothing is changed',
  })
  @TakesIdempotencyKey()
  @Answers(policyPreview, { description: 'What would change' })
  @Fails('policy.not-found')
  preview(@Param('id') id: string, @Body({ schema: previewInput }) input: PreviewInput) {
    return this.previews.preview(null, id, input);
  }
}
