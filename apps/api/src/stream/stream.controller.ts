import { Controller, Get, Header, Headers, StreamableFile } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import { CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { Fails } from '../http/openapi.decorators.js';
import { TenantParam } from '../http/path-parameters.js';
import { StreamHub } from './stream-hub.js';

@ApiTags('Activity')
@Controller('v1/tenants/:tenant/stream')
export class StreamController {
  constructor(private readonly hub: StreamHub) {}

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @Header('Cache-Control', 'no-store')
  @Header('X-Accel-Buffering', 'no')
  @ApiOperation({
    operationId: 'streamTenant',
    summary: 'Events and live sessions as they happen (server-sent events)',
    description:
      '`event: event` is an entry of the event log, with its id; `event: sessions` the newest 200 live sessions, whenever they change; `event: gap` says that events are to be read from the list. After a reconnect with Last-Event-ID what was missed comes first; events of the minute before may come twice. A stream ends after 15 minutes at the latest; clients connect again.',
  })
  @ApiHeader({ name: 'Last-Event-ID', required: false, schema: { type: 'string', format: 'uuid' } })
  @ApiProduces('text/event-stream')
  @ApiResponse({
    status: 200,
    description: 'The stream',
    content: { 'text/event-stream': { schema: { type: 'string' } } },
  })
  @Fails('tenant.not-found', 'request.rate-limited')
  async stream(@CurrentTenant() tenant: TenantRef, @Headers('last-event-id') lastEventId: string | undefined) {
    return new StreamableFile(await this.hub.open(tenant.id, lastEventId), {
      type: 'text/event-stream; charset=utf-8',
    });
  }
}
