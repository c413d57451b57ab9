import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import { CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { AcceptsCsv } from '../http/accepts-csv.decorator.js';
import { Answers, Fails } from '../http/openapi.decorators.js';
import { TenantParam } from '../http/path-parameters.js';
import { SpacesService } from '../spaces/spaces.service.js';
import { TenantsService } from '../tenants/tenants.service.js';
import {
  platformUsageQuery,
  type PlatformUsageQuery,
  tenantUsageQuery,
  type TenantUsageQuery,
  usageReport,
} from './usage-report.schema.js';
import { UsageReportService } from './usage-report.service.js';
import { tenantUsageAnswer } from './usage.schema.js';

@ApiTags('Usage')
@Controller('v1')
export class UsageController {
  constructor(
    private readonly tenants: TenantsService,
    private readonly spaces: SpacesService,
    private readonly reports: UsageReportService,
  ) {}

  @Get('tenants/:tenant/usage')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({
    operationId: 'getTenantUsage',
    summary: 'What the tenant holds now, in all and by space; with `from` and `to`, its usage over time',
  })
  @Answers(tenantUsageAnswer, { description: 'Totals and a page of spaces; or a page of periods; or CSV' })
  @Fails('tenant.not-found', 'cursor.invalid')
  async get(
    @CurrentTenant() tenant: TenantRef,
    @Query({ schema: tenantUsageQuery }) query: TenantUsageQuery,
    @AcceptsCsv() acceptsCsv: boolean,
  ) {
    if (query.from !== undefined || query.to !== undefined) {
      return this.reports.ofTenant(tenant.id, query, query.format === undefined ? acceptsCsv : query.format === 'csv');
    }
    const { limits, usage } = await this.tenants.get(tenant.id);
    return { limits, usage, ...(await this.spaces.list(tenant.id, query)) };
  }

  @Get('usage')
  @RequireRole('platform-admin')
  @ApiOperation({ operationId: 'getUsage', summary: 'Usage of all tenants over time' })
  @Answers(usageReport, { description: 'A page of periods; or CSV' })
  @Fails('cursor.invalid')
  getAll(@Query({ schema: platformUsageQuery }) query: PlatformUsageQuery, @AcceptsCsv() acceptsCsv: boolean) {
    return this.reports.ofPlatform(query, query.format === undefined ? acceptsCsv : query.format === 'csv');
  }
}
