import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import type { Actor } from '../auth/actor.js';
import { CurrentActor, CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { Answers, Fails, TakesIdempotencyKey } from '../http/openapi.decorators.js';
import { AccountParam, TenantParam } from '../http/path-parameters.js';
import { explainInput, type ExplainInput, explanation } from './explain.schema.js';
import { ExplainService } from './explain.service.js';

@ApiTags('Accounts')
@Controller('v1/tenants/:tenant/accounts/:account/explain')
export class ExplainController {
  constructor(private readonly explanations: ExplainService) {}

  @Post()
  @RequireRole('tenant-viewer')
  @HttpCode(200)
  @TenantParam()
  @AccountParam()
  @ApiOperation({
    operationId: 'explainAccess',
    summary: 'Say whether the account may do something, which rule decides, and what the FTP client would be told',
  })
  @TakesIdempotencyKey()
  @Answers(explanation, { description: 'The answer' })
  @Fails('tenant.not-found', 'account.not-found', 'credential.not-found')
  explain(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('account') account: string,
    @Body({ schema: explainInput }) input: ExplainInput,
  ) {
    return this.explanations.explain(actor, tenant.id, account, input);
  }
}
