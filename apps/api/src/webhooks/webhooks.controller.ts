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
  createWebhook,
  type CreateWebhook,
  patchWebhook,
  rotation,
  type Rotation,
  webhookOut,
  webhookPage,
  webhookQuery,
  type WebhookQuery,
  webhookWithSecret,
} from './webhooks.schema.js';
import { WebhooksService } from './webhooks.service.js';

@ApiTags('Webhooks')
@Controller('v1/tenants/:tenant/webhooks')
export class WebhooksController {
  constructor(private readonly webhooks: WebhooksService) {}

  @Post()
  @RequireRole('tenant-admin')
  @TenantParam()
  @ApiOperation({ operationId: 'createWebhook', summary: 'Have events sent to an address' })
  @TakesIdempotencyKey()
  @Answers(webhookWithSecret, {
    status: 201,
    description: 'The webhook, with its secret in this answer only',
    editable: true,
  })
  @Fails('tenant.not-found', 'webhook.limit-reached')
  create(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Body({ schema: createWebhook }) input: CreateWebhook,
  ) {
    return this.webhooks.create(actor, tenant.id, input);
  }

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'listWebhooks', summary: 'List the webhooks of the tenant, newest first' })
  @Answers(webhookPage, { description: 'A page of webhooks' })
  @Fails('tenant.not-found', 'cursor.invalid')
  list(@CurrentTenant() tenant: TenantRef, @Query({ schema: webhookQuery }) query: WebhookQuery) {
    return this.webhooks.list(tenant.id, query);
  }

  @Get(':id')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @IdParam('webhook')
  @ApiOperation({ operationId: 'getWebhook', summary: 'Read a webhook' })
  @Answers(webhookOut, { description: 'The webhook without its secret', editable: true })
  @Fails('tenant.not-found', 'webhook.not-found')
  get(@CurrentTenant() tenant: TenantRef, @Param('id') id: string) {
    return this.webhooks.get(tenant.id, id);
  }

  @Patch(':id')
  @RequireRole('tenant-admin')
  @TenantParam()
  @IdParam('webhook')
  @ApiOperation({
    operationId: 'patchWebhook',
    summary: 'Change a webhook (RFC 7396 merge patch); enabling it sends at once what has waited',
  })
  @TakesMergePatch()
  @Answers(webhookOut, { description: 'The webhook as it is now', editable: true })
  @Fails('tenant.not-found', 'webhook.not-found')
  patch(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
    @Body({ schema: patchWebhook }) patch: unknown,
  ) {
    return this.webhooks.patch(actor, tenant.id, id, precondition, patch);
  }

  @Delete(':id')
  @RequireRole('tenant-admin')
  @HttpCode(204)
  @TenantParam()
  @IdParam('webhook')
  @ApiOperation({ operationId: 'deleteWebhook', summary: 'Delete a webhook with its deliveries' })
  @TakesIfMatch()
  @AnswersNothing('The webhook is gone')
  @Fails('tenant.not-found', 'webhook.not-found')
  delete(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
  ) {
    return this.webhooks.delete(actor, tenant.id, id, precondition);
  }

  @Post(':id/rotate-secret')
  @RequireRole('tenant-admin')
  @HttpCode(200)
  @TenantParam()
  @IdParam('webhook')
  @ApiOperation({ operationId: 'rotateWebhookSecret', summary: 'Make a new secret; for a while both sign' })
  @TakesIdempotencyKey()
  @TakesIfMatch()
  @Answers(webhookWithSecret, { description: 'The webhook, with its new secret in this answer only', editable: true })
  @Fails('tenant.not-found', 'webhook.not-found')
  rotate(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
    @Body({ schema: rotation }) input: Rotation,
  ) {
    return this.webhooks.rotate(actor, tenant.id, id, precondition, input.overlapHours);
  }
}
