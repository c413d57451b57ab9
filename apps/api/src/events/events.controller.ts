import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import { CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { AnswersExport } from '../http/export.js';
import { Answers, Fails } from '../http/openapi.decorators.js';
import { TenantParam } from '../http/path-parameters.js';
import { eventExportQuery, type EventExportQuery, eventPage, eventQuery, type EventQuery } from './events.schema.js';
import { EventsService } from './events.service.js';

@ApiTags('Activity')
@Controller('v1/tenants/:tenant/events')
export class EventsController {
  constructor(private readonly events: EventsService) {}

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'listEvents', summary: 'Every kind of event, newest first' })
  @Answers(eventPage, { description: 'A page of events' })
  @Fails('tenant.not-found', 'cursor.invalid')
  list(@CurrentTenant() tenant: TenantRef, @Query({ schema: eventQuery }) query: EventQuery) {
    return this.events.list(tenant.id, query);
  }

  @Get('export')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'exportEvents', summary: 'The whole event log as a file, with the same filters' })
  @AnswersExport('One event a line')
  @Fails('tenant.not-found')
  export(@CurrentTenant() tenant: TenantRef, @Query({ schema: eventExportQuery }) query: EventExportQuery) {
    return this.events.export(tenant.id, query);
  }
}
