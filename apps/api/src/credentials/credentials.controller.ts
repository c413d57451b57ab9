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
  createCredential,
  type CreateCredential,
  createdCredential,
  credentialOut,
  credentialPage,
  credentialQuery,
  type CredentialQuery,
  patchCredential,
} from './credentials.schema.js';
import { CredentialsService } from './credentials.service.js';

@ApiTags('Credentials')
@Controller('v1/tenants/:tenant/accounts/:account/credentials')
export class CredentialsController {
  constructor(private readonly credentials: CredentialsService) {}

  @Post()
  @RequireRole('tenant-admin')
  @TenantParam()
  @AccountParam()
  @ApiOperation({ operationId: 'createCredential', summary: 'Give the account a labelled extra password' })
  @TakesIdempotencyKey()
  @Answers(createdCredential, { status: 201, description: 'The password, shown only in this answer', editable: true })
  @Fails('tenant.not-found', 'account.not-found', 'credential.label-taken', 'credential.limit')
  create(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @Body({ schema: createCredential }) input: CreateCredential,
  ) {
    return this.credentials.create(actor, tenant.id, account, input);
  }

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @AccountParam()
  @ApiOperation({
    operationId: 'listCredentials',
    summary: 'List the passwords of the account with their last use, oldest first',
  })
  @Answers(credentialPage, { description: 'A page of passwords, without the secrets' })
  @Fails('tenant.not-found', 'account.not-found', 'cursor.invalid')
  list(
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @Query({ schema: credentialQuery }) query: CredentialQuery,
  ) {
    return this.credentials.list(tenant.id, account, query);
  }

  @Get(':id')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @AccountParam()
  @IdParam('password')
  @ApiOperation({ operationId: 'getCredential', summary: 'Read what a password may do and when it was last used' })
  @Answers(credentialOut, { description: 'The password, without its secret', editable: true })
  @Fails('tenant.not-found', 'account.not-found', 'credential.not-found')
  get(@CurrentTenant() tenant: TenantRef, @Param('account') account: string, @Param('id') id: string) {
    return this.credentials.get(tenant.id, account, id);
  }

  @Patch(':id')
  @RequireRole('tenant-admin')
  @TenantParam()
  @AccountParam()
  @IdParam('password')
  @ApiOperation({
    operationId: 'patchCredential',
    summary: 'Change a password’s restrictions, label or secret (RFC 7396 merge patch); open sessions follow',
  })
  @TakesMergePatch()
  @Answers(credentialOut, { description: 'The password as it is now', editable: true })
  @Fails('tenant.not-found', 'account.not-found', 'credential.not-found', 'credential.label-taken')
  patch(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
    @Body({ schema: patchCredential }) patch: unknown,
  ) {
    return this.credentials.patch(actor, tenant.id, account, id, precondition, patch);
  }

  @Delete(':id')
  @RequireRole('tenant-admin')
  @HttpCode(204)
  @TenantParam()
  @AccountParam()
  @IdParam('password')
  @ApiOperation({
    operationId: 'deleteCredential',
    summary: 'Remove an extra password; the sessions that it opened end',
  })
  @TakesIfMatch()
  @AnswersNothing('The password is gone')
  @Fails('tenant.not-found', 'account.not-found', 'credential.not-found', 'credential.required')
  delete(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @Param('id') id: string,
    @IfMatch() precondition: Precondition,
  ) {
    return this.credentials.delete(actor, tenant.id, account, id, precondition);
  }
}
