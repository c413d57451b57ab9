import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { TenantRef } from '@quayside/database';
import { CurrentTenant } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { AnswersExport } from '../http/export.js';
import { Answers, Fails } from '../http/openapi.decorators.js';
import { TenantParam } from '../http/path-parameters.js';
import {
  transferExportQuery,
  type TransferExportQuery,
  transferPage,
  transferQuery,
  type TransferQuery,
} from './transfers.schema.js';
import { TransfersService } from './transfers.service.js';

@ApiTags('Activity')
@Controller('v1/tenants/:tenant/transfers')
export class TransfersController {
  constructor(private readonly transfers: TransfersService) {}

  @Get()
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'listTransfers', summary: 'The transfer log, newest first' })
  @Answers(transferPage, { description: 'A page of transfers' })
  @Fails('tenant.not-found', 'cursor.invalid')
  list(@CurrentTenant() tenant: TenantRef, @Query({ schema: transferQuery }) query: TransferQuery) {
    return this.transfers.list(tenant.id, query);
  }

  @Get('export')
  @RequireRole('tenant-viewer')
  @TenantParam()
  @ApiOperation({ operationId: 'exportTransfers', summary: 'The whole transfer log as a file, with the same filters' })
  @AnswersExport('One transfer a line')
  @Fails('tenant.not-found')
  export(@CurrentTenant() tenant: TenantRef, @Query({ schema: transferExportQuery }) query: TransferExportQuery) {
    return this.transfers.export(tenant.id, query);
  }
}
