import { Controller, Get, Header, Inject } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Database } from '@quayside/database';
import { DomainError } from '@quayside/domain';
import { mergeMetrics, type Metrics } from '@quayside/observability';
import { askParent } from '@quayside/supervisor';
import { z } from 'zod';
import { Public } from '../auth/roles.decorator.js';
import { FleetFigures } from '../metrics/fleet-figures.js';
import { METRICS } from '../metrics/metrics.js';
import { Answers, Fails } from '../http/openapi.decorators.js';
import { isMigrated } from './migrated.js';

/** Prometheus waits 10 s for everything. */
const OTHERS_MS = 4_000;

const healthOut = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });

@ApiTags('Health')
@Public()
@Controller()
export class HealthController {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(METRICS) private readonly metrics: Metrics,
    private readonly figures: FleetFigures,
  ) {}

  @Get('health/live')
  @ApiOperation({ operationId: 'live', summary: 'Whether the process runs' })
  @Answers(healthOut, { description: 'It runs' })
  live() {
    return { status: 'ok' };
  }

  @Get('health/ready')
  @ApiOperation({
    operationId: 'ready',
    summary: 'Whether requests can be served: the database answers and is migrated',
  })
  @Answers(healthOut, { description: 'It serves' })
  @Fails('database.unavailable')
  async ready() {
    if (!(await isMigrated(this.database))) {
      throw new DomainError('database.unavailable', { detail: 'The database has not been migrated yet' });
    }
    return { status: 'ok' };
  }

  @Get('metrics')
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiOperation({
    operationId: 'metrics',
    summary: 'Prometheus metrics of the API, and of all processes of an installation on one machine',
  })
  @ApiResponse({ status: 200, description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } })
  async prometheus() {
    // Of an installation on one machine the parent knows the other processes; elsewhere each has a page of its own.
    const [others] = await Promise.all([askParent('metrics', OTHERS_MS).catch(() => ''), this.figures.refresh()]);
    return mergeMetrics([await this.metrics.text(), typeof others === 'string' ? others : '']);
  }
}
