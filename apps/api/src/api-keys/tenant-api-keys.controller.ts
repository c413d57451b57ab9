import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import type { Actor } from '../auth/actor.js';
import { CurrentActor, CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { Answers, AnswersNothing, Fails, TakesIdempotencyKey } from '../http/openapi.decorators.js';
import { IdParam, TenantParam } from '../http/path-parameters.js';
import {
  apiKeyOut,
  apiKeyPage,
  apiKeyQuery,
  type ApiKeyQuery,
  createdApiKey,
  createTenantApiKey,
  type CreateTenantApiKey,
} from './api-keys.schema.js';
import { ApiKeysService } from './api-keys.service.js';

@ApiTags('API keys')
@Controller('v1/tenants/:tenant/api-keys')
export class TenantApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Post()
  @RequireRole('tenant-admin')
  @TenantParam()
  @ApiOperation({ operationId: 'createTenantApiKey', summary: 'Make an API key of the tenant' })
  @TakesIdempotencyKey()
  @Answers(createdApiKey, { status: 201, description: 'The key, shown only in this answer' })
  @Fails('tenant.not-found')
  create(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Body({ schema: createTenantApiKey }) input: CreateTenantApiKey,
  ) {
    return this.keys.create(actor, tenant.id, input);
  }

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'listTenantApiKeys', summary: 'List the API keys of the tenant, newest first' })
  @Answers(apiKeyPage, { description: 'A page of keys' })
  @Fails('tenant.not-found', 'cursor.invalid')
  list(@CurrentTenant() tenant: TenantRef, @Query({ schema: apiKeyQuery }) query: ApiKeyQuery) {
    return this.keys.list(tenant.id, query);
  }

  @Get(':id')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @IdParam('API key')
  @ApiOperation({ operationId: 'getTenantApiKey', summary: 'Read an API key of the tenant' })
  @Answers(apiKeyOut, { description: 'The key without its secret' })
  @Fails('tenant.not-found', 'api-key.not-found')
  get(@CurrentTenant() tenant: TenantRef, @Param('id') id: string) {
    return this.keys.get(tenant.id, id);
  }

  @Delete(':id')
  @RequireRole('tenant-admin')
  @HttpCode(204)
  @TenantParam()
  @IdParam('API key')
  @ApiOperation({ operationId: 'revokeTenantApiKey', summary: 'Revoke an API key of the tenant' })
  @AnswersNothing('The key is revoked')
  @Fails('tenant.not-found', 'api-key.not-found')
  revoke(@CurrentActor() actor: Actor, @CurrentTenant() tenant: TenantRef, @Param('id') id: string) {
    return this.keys.revoke(actor, tenant.id, id);
  }
}
