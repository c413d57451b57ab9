import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import { CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { Answers, Fails } from '../http/openapi.decorators.js';
import { TenantParam } from '../http/path-parameters.js';
import { SpacesService } from '../spaces/spaces.service.js';
import { TenantsService } from '../tenants/tenants.service.js';
import { tenantUsage, usageQuery, type UsageQuery } from './usage.schema.js';

@ApiTags('Usage')
@Controller('v1/tenants/:tenant/usage')
export class UsageController {
  constructor(
    private readonly tenants: TenantsService,
    private readonly spaces: SpacesService,
  ) {}

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'getTenantUsage', summary: 'Read what the tenant holds, in all and by space' })
  @Answers(tenantUsage, { description: 'Totals, and a page of spaces, newest first' })
  @Fails('tenant.not-found', 'cursor.invalid')
  async get(@CurrentTenant() tenant: TenantRef, @Query({ schema: usageQuery }) query: UsageQuery) {
    const { limits, usage } = await this.tenants.get(tenant.id);
    return { limits, usage, ...(await this.spaces.list(tenant.id, query)) };
  }
}
