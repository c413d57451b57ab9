import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import type { Actor } from '../auth/actor.js';
import { CurrentActor, CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { nothing } from '../http/fields.js';
import { Answers, Fails, TakesIdempotencyKey } from '../http/openapi.decorators.js';
import { IdParam, TenantParam } from '../http/path-parameters.js';
import {
  deliveryOut,
  deliveryPage,
  deliveryQuery,
  type DeliveryQuery,
  deliveryWithLog,
  replay,
  type Replay,
  replayOut,
} from './deliveries.schema.js';
import { DeliveriesService } from './deliveries.service.js';

function DeliveryParam(): MethodDecorator {
  return ApiParam({ name: 'delivery', description: 'Id of the delivery.', schema: { type: 'string', format: 'uuid' } });
}

@ApiTags('Webhooks')
@Controller('v1/tenants/:tenant/webhooks/:id')
export class DeliveriesController {
  constructor(private readonly deliveries: DeliveriesService) {}

  @Get('deliveries')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @IdParam('webhook')
  @ApiOperation({
    operationId: 'listWebhookDeliveries',
    summary: 'What was sent, newest first; `status=dead` is the dead-letter list',
  })
  @Answers(deliveryPage, { description: 'A page of deliveries' })
  @Fails('tenant.not-found', 'webhook.not-found', 'cursor.invalid')
  list(
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @Query({ schema: deliveryQuery }) query: DeliveryQuery,
  ) {
    return this.deliveries.list(tenant.id, id, query);
  }

  @Get('deliveries/:delivery')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @IdParam('webhook')
  @DeliveryParam()
  @ApiOperation({ operationId: 'getWebhookDelivery', summary: 'Read a delivery with the log of its requests' })
  @Answers(deliveryWithLog, { description: 'The delivery' })
  @Fails('tenant.not-found', 'webhook.not-found', 'webhook.delivery-not-found')
  get(@CurrentTenant() tenant: TenantRef, @Param('id') id: string, @Param('delivery') delivery: string) {
    return this.deliveries.get(tenant.id, id, delivery);
  }

  @Post('deliveries/:delivery/replay')
  @RequireRole('tenant-admin')
  @HttpCode(202)
  @TenantParam()
  @IdParam('webhook')
  @DeliveryParam()
  @ApiOperation({ operationId: 'replayWebhookDelivery', summary: 'Send the event of a delivery once more' })
  @TakesIdempotencyKey()
  @Answers(replayOut, { status: 202, description: 'How many deliveries were queued: 0 where the event is gone' })
  @Fails('tenant.not-found', 'webhook.not-found', 'webhook.delivery-not-found')
  replayOne(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @Param('delivery') delivery: string,
    @Body({ schema: nothing }) _input: object,
  ) {
    return this.deliveries.replayOne(actor, tenant.id, id, delivery);
  }

  @Post('replay')
  @RequireRole('tenant-admin')
  @HttpCode(202)
  @TenantParam()
  @IdParam('webhook')
  @ApiOperation({
    operationId: 'replayWebhook',
    summary: 'Send events once more, by id or by time range; at most 5000 with one call',
  })
  @TakesIdempotencyKey()
  @Answers(replayOut, { status: 202, description: 'How many deliveries were queued' })
  @Fails('tenant.not-found', 'webhook.not-found')
  replay(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @Body({ schema: replay }) input: Replay,
  ) {
    return this.deliveries.replay(actor, tenant.id, id, input);
  }

  @Post('test')
  @RequireRole('tenant-admin')
  @HttpCode(202)
  @TenantParam()
  @IdParam('webhook')
  @ApiOperation({
    operationId: 'testWebhook',
    summary: 'Send a test message, even while the webhook’s other deliveries wait',
  })
  @TakesIdempotencyKey()
  @Answers(deliveryOut, { status: 202, description: 'The queued delivery; read it again for what came of it' })
  @Fails('tenant.not-found', 'webhook.not-found')
  test(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @Body({ schema: nothing }) _input: object,
  ) {
    return this.deliveries.test(actor, tenant.id, id);
  }
}
