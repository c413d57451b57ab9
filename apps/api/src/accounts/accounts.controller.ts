import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import type { Actor } from '../auth/actor.js';
import { CurrentActor, CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import type { Precondition } from '../http/etag.js';
import { nothing } from '../http/fields.js';
import { IfMatch } from '../http/if-match.decorator.js';
import { Answers, Fails, TakesIdempotencyKey, TakesIfMatch, TakesMergePatch } from '../http/openapi.decorators.js';
import { AccountParam, TenantParam } from '../http/path-parameters.js';
import { suspension, type Suspension } from '../tenants/tenants.schema.js';
import {
  accountOut,
  accountPage,
  accountQuery,
  type AccountQuery,
  createAccount,
  type CreateAccount,
  createdAccount,
  deletedAccount,
  deleteQuery,
  type DeleteQuery,
  patchAccount,
} from './accounts.schema.js';
import { AccountsService } from './accounts.service.js';

@ApiTags('Accounts')
@Controller('v1/tenants/:tenant/accounts')
export class AccountsController {
  constructor(private readonly accounts: AccountsService) {}

  @Post()
  @RequireRole('tenant-admin')
  @TenantParam()
  @ApiOperation({
    operationId: 'createAccount',
    summary: 'Create an account with a space of its own, mounted at /, or with spaces that are there',
  })
  @TakesIdempotencyKey()
  @Answers(createdAccount, { status: 201, description: 'The account', editable: true })
  @Fails(
    'tenant.not-found',
    'account.username-taken',
    'tenant.limit-reached',
    'policy.not-found',
    'space.not-found',
    'mount.path-taken',
    'mount.overlap',
  )
  create(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Body({ schema: createAccount }) input: CreateAccount,
  ) {
    return this.accounts.create(actor, tenant, input);
  }

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'listAccounts', summary: 'List accounts' })
  @Answers(accountPage, { description: 'A page of accounts' })
  @Fails('tenant.not-found', 'cursor.invalid')
  list(@CurrentTenant() tenant: TenantRef, @Query({ schema: accountQuery }) query: AccountQuery) {
    return this.accounts.list(tenant, query);
  }

  @Get(':account')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @AccountParam()
  @ApiOperation({ operationId: 'getAccount', summary: 'Read an account with its quota and usage' })
  @Answers(accountOut, { description: 'The account', editable: true })
  @Fails('tenant.not-found', 'account.not-found')
  get(@CurrentTenant() tenant: TenantRef, @Param('account') account: string) {
    return this.accounts.get(tenant, account);
  }

  @Patch(':account')
  @RequireRole('tenant-admin')
  @TenantParam()
  @AccountParam()
  @ApiOperation({ operationId: 'patchAccount', summary: 'Change an account (RFC 7396 merge patch)' })
  @TakesMergePatch()
  @Answers(accountOut, { description: 'The account as it is now', editable: true })
  @Fails('tenant.not-found', 'account.not-found', 'account.username-taken', 'policy.not-found')
  patch(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @IfMatch() precondition: Precondition,
    @Body({ schema: patchAccount }) patch: unknown,
  ) {
    return this.accounts.patch(actor, tenant, account, precondition, patch);
  }

  @Delete(':account')
  @RequireRole('tenant-admin')
  @TenantParam()
  @AccountParam()
  @ApiOperation({ operationId: 'deleteAccount', summary: 'Delete an account; its live sessions end' })
  @TakesIfMatch()
  @Answers(deletedAccount, { description: 'What became of its files' })
  @Fails('tenant.not-found', 'account.not-found')
  delete(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @IfMatch() precondition: Precondition,
    @Query({ schema: deleteQuery }) query: DeleteQuery,
  ) {
    return this.accounts.delete(actor, tenant, account, precondition, query.files);
  }

  @Post(':account/suspend')
  @RequireRole('tenant-admin')
  @HttpCode(200)
  @TenantParam()
  @AccountParam()
  @ApiOperation({
    operationId: 'suspendAccount',
    summary: 'Suspend an account: its sessions end, new logins are refused',
  })
  @TakesIdempotencyKey()
  @TakesIfMatch()
  @Answers(accountOut, { description: 'The account as it is now', editable: true })
  @Fails('tenant.not-found', 'account.not-found')
  suspend(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @IfMatch() precondition: Precondition,
    @Body({ schema: suspension }) input: Suspension,
  ) {
    return this.accounts.suspend(actor, tenant, account, precondition, input.reason ?? null);
  }

  @Post(':account/resume')
  @RequireRole('tenant-admin')
  @HttpCode(200)
  @TenantParam()
  @AccountParam()
  @ApiOperation({ operationId: 'resumeAccount', summary: 'End the suspension of an account' })
  @TakesIdempotencyKey()
  @TakesIfMatch()
  @Answers(accountOut, { description: 'The account as it is now', editable: true })
  @Fails('tenant.not-found', 'account.not-found')
  resume(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @IfMatch() precondition: Precondition,
    @Body({ schema: nothing }) _input: object,
  ) {
    return this.accounts.resume(actor, tenant, account, precondition);
  }
}
