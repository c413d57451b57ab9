import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import type { Actor } from '../auth/actor.js';
import { CurrentActor, CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { Answers, Fails, TakesIdempotencyKey } from '../http/openapi.decorators.js';
import { IdParam, TenantParam } from '../http/path-parameters.js';
import {
  recountInput,
  type RecountInput,
  recountOut,
  recountPage,
  recountQuery,
  type RecountQuery,
} from './recounts.schema.js';
import { RecountsService } from './recounts.service.js';

@ApiTags('Spaces')
@Controller('v1/tenants/:tenant/recounts')
export class RecountsController {
  constructor(private readonly recounts: RecountsService) {}

  @Post()
  @RequireRole('tenant-admin')
  @HttpCode(202)
  @TenantParam()
  @ApiOperation({ operationId: 'startRecount', summary: 'Compare ledgers and files, and repair the ledger if asked' })
  @TakesIdempotencyKey()
  @Answers(recountOut, { status: 202, description: 'The recount; read it again until it is finished' })
  @Fails('tenant.not-found', 'space.not-found')
  start(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Body({ schema: recountInput }) input: RecountInput,
  ) {
    return this.recounts.start(actor, tenant.id, input);
  }

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'listRecounts', summary: 'List recounts of the last 30 days, newest first' })
  @Answers(recountPage, { description: 'A page of recounts' })
  @Fails('tenant.not-found', 'cursor.invalid')
  list(@CurrentTenant() tenant: TenantRef, @Query({ schema: recountQuery }) query: RecountQuery) {
    return this.recounts.list(tenant.id, query);
  }

  @Get(':id')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @IdParam('recount')
  @ApiOperation({ operationId: 'getRecount', summary: 'Read how far a recount is and what differs' })
  @Answers(recountOut, { description: 'The recount' })
  @Fails('tenant.not-found', 'recount.not-found')
  get(@CurrentTenant() tenant: TenantRef, @Param('id') id: string) {
    return this.recounts.get(tenant.id, id);
  }
}
