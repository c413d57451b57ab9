import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Actor } from '../auth/actor.js';
import { CurrentActor } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { Answers, AnswersNothing, Fails, TakesIdempotencyKey } from '../http/openapi.decorators.js';
import { IdParam } from '../http/path-parameters.js';
import {
  apiKeyOut,
  apiKeyPage,
  apiKeyQuery,
  type ApiKeyQuery,
  createdApiKey,
  createPlatformApiKey,
  type CreatePlatformApiKey,
} from './api-keys.schema.js';
import { ApiKeysService } from './api-keys.service.js';

@ApiTags('API keys')
@RequireRole('platform-admin')
@Controller('v1/api-keys')
export class PlatformApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Post()
  @ApiOperation({ operationId: 'createPlatformApiKey', summary: 'Make a platform-admin API key' })
  @TakesIdempotencyKey()
  @Answers(createdApiKey, { status: 201, description: 'The key, shown only in this answer' })
  create(@CurrentActor() actor: Actor, @Body({ schema: createPlatformApiKey }) input: CreatePlatformApiKey) {
    return this.keys.create(actor, null, input);
  }

  @Get()
  @ApiOperation({ operationId: 'listPlatformApiKeys', summary: 'List the platform’s API keys, newest first' })
  @Answers(apiKeyPage, { description: 'A page of keys' })
  @Fails('cursor.invalid')
  list(@Query({ schema: apiKeyQuery }) query: ApiKeyQuery) {
    return this.keys.list(null, query);
  }

  @Get(':id')
  @IdParam('API key')
  @ApiOperation({ operationId: 'getPlatformApiKey', summary: 'Read an API key of the platform' })
  @Answers(apiKeyOut, { description: 'The key without its secret' })
  @Fails('api-key.not-found')
  get(@Param('id') id: string) {
    return this.keys.get(null, id);
  }

  @Delete(':id')
  @HttpCode(204)
  @IdParam('API key')
  @ApiOperation({
    operationId: 'revokePlatformApiKey',
    summary: 'Revoke an API key of the platform; the bootstrap key comes back at the next start',
  })
  @AnswersNothing('The key is revoked')
  @Fails('api-key.not-found')
  revoke(@CurrentActor() actor: Actor, @Param('id') id: string) {
    return this.keys.revoke(actor, null, id);
  }
}
