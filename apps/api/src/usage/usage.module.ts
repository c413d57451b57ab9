import { Module } from '@nestjs/common';
import { SpacesModule } from '../spaces/spaces.module.js';
import { TenantsModule } from '../tenants/tenants.module.js';
import { UsageReportService } from './usage-report.service.js';
import { UsageController } from './usage.controller.js';

@Module({ imports: [SpacesModule, TenantsModule], controllers: [UsageController], providers: [UsageReportService] })
export class UsageModule {}
