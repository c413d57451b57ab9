import { Module } from '@nestjs/common';
import { ExplainModule } from '../explain/explain.module.js';
import { PlatformPoliciesController } from './platform-policies.controller.js';
import { PoliciesService } from './policies.service.js';
import { PolicyPreviewService } from './policy-preview.service.js';
import { TenantPoliciesController } from './tenant-policies.controller.js';

@Module({
  imports: [ExplainModule],
  controllers: [PlatformPoliciesController, TenantPoliciesController],
  providers: [PoliciesService, PolicyPreviewService],
})
export class PoliciesModule {}
