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
import { AccountParam, IdParam, TenantParam } from '../http/path-parameters.js';
import {
  mountInput,
  type MountInput,
  mountOut,
  mountPage,
  mountQuery,
  type MountQuery,
  patchMount,
} from './mounts.schema.js';
import { MountsService } from './mounts.service.js';

@ApiTags('Mounts')
@Controller('v1/tenants/:tenant/accounts/:account/mounts')
export class MountsController {
  constructor(private readonly mounts: MountsService) {}

  @Post()
  @RequireRole('tenant-admin')
  @TenantParam()
  @AccountParam()
  @ApiOperation({ operationId: 'createMount', summary: 'Put a space, or a folder of it, into the account’s view' })
  @TakesIdempotencyKey()
  @Answers(mountOut, { status: 201, description: 'The mount', editable: true })
  @Fails('tenant.not-found', 'account.not-found', 'space.not-found', 'mount.path-taken', 'mount.overlap', 'mount.limit')
  create(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @Body({ schema: mountInput }) input: MountInput,
  ) {
    return this.mounts.create(actor, tenant.id, account, input);
  }

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @AccountParam()
  @ApiOperation({ operationId: 'listMounts', summary: 'List what the account’s view is made of, oldest first' })
  @Answers(mountPage, { description: 'A page of mounts' })
  @Fails('tenant.not-found', 'account.not-found', 'cursor.invalid')
  list(
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @Query({ schema: mountQuery }) query: MountQuery,
  ) {
    return this.mounts.list(tenant.id, account, query);
  }

  @Get(':id')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @AccountParam()
  @IdParam('mount')
  @ApiOperation({ operationId: 'getMount', summary: 'Read a mount' })
  @Answers(mountOut, { description: 'The mount', editable: true })
  @Fails('tenant.not-found', 'account.not-found', 'mount.not-found')
  get(@CurrentTenant() tenant: TenantRef, @Param('account') account: string, @Param('id') id: string) {
    return this.mounts.get(tenant.id, account, id);
  }

  @Patch(':id')
  @RequireRole('tenant-admin')
  @TenantParam()
  @AccountParam()
  @IdParam('mount')
  @ApiOperation({
    operationId: 'patchMount',
    summary: 'Change a mount (RFC 7396 merge patch); open sessions see the new view',
  })
  @TakesMergePatch()
  @Answers(mountOut, { description: 'The mount as it is now', editable: true })
  @Fails(
    'tenant.not-found',
    'account.not-found',
    'mount.not-found',
    'space.not-found',
    'mount.path-taken',
    'mount.overlap',
  )
  patch(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
    @Body({ schema: patchMount }) patch: unknown,
  ) {
    return this.mounts.patch(actor, tenant.id, account, id, precondition, patch);
  }

  @Delete(':id')
  @RequireRole('tenant-admin')
  @HttpCode(204)
  @TenantParam()
  @AccountParam()
  @IdParam('mount')
  @ApiOperation({ operationId: 'deleteMount', summary: 'Take a space out of the account’s view; its files stay' })
  @TakesIfMatch()
  @AnswersNothing('The mount is gone')
  @Fails('tenant.not-found', 'account.not-found', 'mount.not-found')
  delete(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
  ) {
    return this.mounts.delete(actor, tenant.id, account, id, precondition);
  }
}
