import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import type { Actor } from '../auth/actor.js';
import { CurrentActor, CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import type { Precondition } from '../http/etag.js';
import { IfMatch } from '../http/if-match.decorator.js';
import { Answers, Fails, TakesIfMatch } from '../http/openapi.decorators.js';
import { IdParam, TenantParam } from '../http/path-parameters.js';
import { spaceOut, spacePage, spaceQuery, type SpaceQuery } from './spaces.schema.js';
import { SpacesService } from './spaces.service.js';

@ApiTags('Spaces')
@Controller('v1/tenants/:tenant/spaces')
export class SpacesController {
  constructor(private readonly spaces: SpacesService) {}

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'listSpaces', summary: 'List spaces, also those whose accounts are gone; newest first' })
  @Answers(spacePage, { description: 'A page of spaces' })
  @Fails('tenant.not-found', 'cursor.invalid')
  list(@CurrentTenant() tenant: TenantRef, @Query({ schema: spaceQuery }) query: SpaceQuery) {
    return this.spaces.list(tenant.id, query);
  }

  @Get(':id')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @IdParam('space')
  @ApiOperation({ operationId: 'getSpace', summary: 'Read a space with its quota and usage' })
  @Answers(spaceOut, { description: 'The space', editable: true })
  @Fails('tenant.not-found', 'space.not-found')
  get(@CurrentTenant() tenant: TenantRef, @Param('id') id: string) {
    return this.spaces.get(tenant.id, id);
  }

  @Delete(':id')
  @RequireRole('tenant-admin')
  @HttpCode(202)
  @TenantParam()
  @IdParam('space')
  @ApiOperation({
    operationId: 'removeSpace',
    summary: 'Remove a space that no account has mounted any more, with its files',
  })
  @TakesIfMatch()
  @Answers(spaceOut, { status: 202, description: 'Its files are being removed; then the space is gone' })
  @Fails('tenant.not-found', 'space.not-found', 'space.in-use')
  remove(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
  ) {
    return this.spaces.remove(actor, tenant.id, id, precondition);
  }
}
