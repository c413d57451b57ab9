import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import { CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { Answers, Fails } from '../http/openapi.decorators.js';
import { TenantParam } from '../http/path-parameters.js';
import { auditPage, auditQuery, type AuditQuery, auditVerification } from './audit.schema.js';
import { AuditService } from './audit.service.js';

@ApiTags('Audit')
@Controller('v1')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get('audit')
  @RequireRole('platform-admin')
  @ApiOperation({ operationId: 'listAudit', summary: 'Who changed what, in all tenants; newest first' })
  @Answers(auditPage, { description: 'A page of entries' })
  @Fails('cursor.invalid')
  listAll(@Query({ schema: auditQuery }) query: AuditQuery) {
    return this.audit.list(undefined, query);
  }

  @Get('audit/verify')
  @RequireRole('platform-admin')
  @ApiOperation({ operationId: 'verifyAudit', summary: 'Whether nobody has changed or removed an entry' })
  @Answers(auditVerification, { description: 'The first fault, if any' })
  verify() {
    return this.audit.verify();
  }

  @Get('tenants/:tenant/audit')
  @RequireRole('tenant-admin')
  @TenantParam()
  @ApiOperation({ operationId: 'listTenantAudit', summary: 'Who changed what in the tenant; newest first' })
  @Answers(auditPage, { description: 'A page of entries' })
  @Fails('tenant.not-found', 'cursor.invalid')
  list(@CurrentTenant() tenant: TenantRef, @Query({ schema: auditQuery }) query: AuditQuery) {
    return this.audit.list(tenant.id, query);
  }
}
