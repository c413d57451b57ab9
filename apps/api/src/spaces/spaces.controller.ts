import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import type { Actor } from '../auth/actor.js';
import { CurrentActor, CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import type { Precondition } from '../http/etag.js';
import { IfMatch } from '../http/if-match.decorator.js';
import { Answers, Fails, TakesIdempotencyKey, TakesIfMatch, TakesMergePatch } from '../http/openapi.decorators.js';
import { IdParam, TenantParam } from '../http/path-parameters.js';
import {
  patchSpace,
  removeQuery,
  type RemoveQuery,
  spaceInput,
  type SpaceInput,
  spaceOut,
  spacePage,
  spaceQuery,
  type SpaceQuery,
} from './spaces.schema.js';
import { SpacesService } from './spaces.service.js';

@ApiTags('Spaces')
@Controller('v1/tenants/:tenant/spaces')
export class SpacesController {
  constructor(private readonly spaces: SpacesService) {}

  @Post()
  @RequireRole('tenant-admin')
  @TenantParam()
  @ApiOperation({ operationId: 'createSpace', summary: 'Make an empty space, to be mounted by accounts' })
  @TakesIdempotencyKey()
  @Answers(spaceOut, { status: 201, description: 'The space', editable: true })
  @Fails('tenant.not-found', 'space.name-taken')
  create(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Body({ schema: spaceInput }) input: SpaceInput,
  ) {
    return this.spaces.create(actor, tenant.id, input);
  }

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

  @Patch(':id')
  @RequireRole('tenant-admin')
  @TenantParam()
  @IdParam('space')
  @ApiOperation({ operationId: 'patchSpace', summary: 'Change name or quota of a space (RFC 7396 merge patch)' })
  @TakesMergePatch()
  @Answers(spaceOut, { description: 'The space as it is now', editable: true })
  @Fails('tenant.not-found', 'space.not-found', 'space.name-taken')
  patch(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
    @Body({ schema: patchSpace }) patch: unknown,
  ) {
    return this.spaces.patch(actor, tenant.id, id, precondition, patch);
  }

  @Delete(':id')
  @RequireRole('tenant-admin')
  @HttpCode(202)
  @TenantParam()
  @IdParam('space')
  @ApiOperation({
    operationId: 'removeSpace',
    summary: 'Remove a space that no account has mounted any more; files=delete takes its files with it',
  })
  @TakesIfMatch()
  @Answers(spaceOut, { status: 202, description: 'Its files are being removed; then the space is gone' })
  @Fails('tenant.not-found', 'space.not-found', 'space.in-use', 'space.not-empty')
  remove(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
    @Query({ schema: removeQuery }) query: RemoveQuery,
  ) {
    return this.spaces.remove(actor, tenant.id, id, precondition, query.files);
  }
}
