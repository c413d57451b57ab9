import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import type { Actor } from '../auth/actor.js';
import { CurrentActor, CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { Answers, AnswersNothing, Fails } from '../http/openapi.decorators.js';
import { IdParam, TenantParam } from '../http/path-parameters.js';
import {
  endedSessions,
  endSessionsQuery,
  type EndSessionsQuery,
  endSessionQuery,
  type EndSessionQuery,
  sessionOut,
  sessionPage,
  sessionQuery,
  type SessionQuery,
} from './sessions.schema.js';
import { SessionsService } from './sessions.service.js';

@ApiTags('Activity')
@Controller('v1/tenants/:tenant/sessions')
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'listSessions', summary: 'Live sessions of all nodes, newest first' })
  @Answers(sessionPage, { description: 'A page of sessions' })
  @Fails('tenant.not-found', 'cursor.invalid')
  list(@CurrentTenant() tenant: TenantRef, @Query({ schema: sessionQuery }) query: SessionQuery) {
    return this.sessions.list(tenant.id, query);
  }

  @Get(':id')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @IdParam('session')
  @ApiOperation({ operationId: 'getSession', summary: 'Read a live session with its running transfer' })
  @Answers(sessionOut, { description: 'The session' })
  @Fails('tenant.not-found', 'session.not-found')
  get(@CurrentTenant() tenant: TenantRef, @Param('id') id: string) {
    return this.sessions.get(tenant.id, id);
  }

  @Delete()
  @RequireRole('tenant-admin')
  @TenantParam()
  @ApiOperation({ operationId: 'endSessions', summary: 'End all live sessions of an account or an address' })
  @Answers(endedSessions, { description: 'How many workers have been told to end' })
  @Fails('tenant.not-found', 'account.not-found')
  endMany(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Query({ schema: endSessionsQuery }) query: EndSessionsQuery,
  ) {
    return this.sessions.endMany(actor, tenant.id, query);
  }

  @Delete(':id')
  @RequireRole('tenant-admin')
  @HttpCode(204)
  @TenantParam()
  @IdParam('session')
  @ApiOperation({ operationId: 'endSession', summary: 'End a live session, with its running transfer' })
  @AnswersNothing('The session’s worker has been told')
  @Fails('tenant.not-found', 'session.not-found')
  end(
    @CurrentActor() actor: Actor,
    @CurrentTenant() tenant: TenantRef,
    @Param('id') id: string,
    @Query({ schema: endSessionQuery }) query: EndSessionQuery,
  ) {
    return this.sessions.end(actor, tenant.id, id, query.reason);
  }
}
