import { Controller, Delete, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Actor } from '../auth/actor.js';
import { CurrentActor } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { Answers, Fails } from '../http/openapi.decorators.js';
import {
  endedSessions,
  endPlatformSessionsQuery,
  type EndPlatformSessionsQuery,
  platformSessionPage,
  platformSessionQuery,
  type PlatformSessionQuery,
} from './sessions.schema.js';
import { SessionsService } from './sessions.service.js';

@ApiTags('Activity')
@RequireRole('platform-admin')
@Controller('v1/sessions')
export class PlatformSessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Get()
  @ApiOperation({ operationId: 'listAllSessions', summary: 'Live sessions of all tenants and nodes, newest first' })
  @Answers(platformSessionPage, { description: 'A page of sessions' })
  @Fails('cursor.invalid')
  list(@Query({ schema: platformSessionQuery }) query: PlatformSessionQuery) {
    return this.sessions.listAll(query);
  }

  @Delete()
  @ApiOperation({ operationId: 'endSessionsOfAddress', summary: 'End all live sessions of an address' })
  @Answers(endedSessions, { description: 'How many workers have been told to end' })
  end(@CurrentActor() actor: Actor, @Query({ schema: endPlatformSessionsQuery }) query: EndPlatformSessionsQuery) {
    return this.sessions.endAddress(actor, query);
  }
}
