import { type DynamicModule, Module } from '@nestjs/common';
import {
  AccountRepository,
  ApiKeyRepository,
  AuditRepository,
  CredentialRepository,
  EventLogRepository,
  IdempotencyRepository,
  LiveSessionRepository,
  DeadEventRepository,
  LoginThrottleRepository,
  MountRepository,
  PolicyRepository,
  RecountRepository,
  SpaceRepository,
  TenantDomainRepository,
  NodesRepository,
  TenantRepository,
  TransferLogRepository,
  UsageRepository,
  WebhookDeliveryRepository,
  WebhookEndpointRepository,
} from '@quayside/database';
import { createMetrics } from '@quayside/observability';
import { PasswordHasher } from '@quayside/passwords';
import { BootstrapKey } from './auth/bootstrap-key.js';
import { ChangeLog } from './changes/change-log.js';
import { IdempotencyUpkeep } from './idempotency/idempotency-upkeep.js';
import { METRICS } from './metrics/metrics.js';
import { API_SETTINGS, type ApiSettings } from './settings.js';

const REPOSITORIES = [
  DeadEventRepository,
  LoginThrottleRepository,
  AccountRepository,
  ApiKeyRepository,
  AuditRepository,
  CredentialRepository,
  EventLogRepository,
  IdempotencyRepository,
  LiveSessionRepository,
  MountRepository,
  PolicyRepository,
  RecountRepository,
  SpaceRepository,
  TenantDomainRepository,
  NodesRepository,
  TenantRepository,
  TransferLogRepository,
  UsageRepository,
  WebhookDeliveryRepository,
  WebhookEndpointRepository,
];

/** What every feature needs: settings, repositories, the change log, passwords, metrics. */
@Module({})
export class CoreModule {
  static forRoot(settings: ApiSettings): DynamicModule {
    return {
      module: CoreModule,
      global: true,
      providers: [
        ...REPOSITORIES,
        ChangeLog,
        BootstrapKey,
        IdempotencyUpkeep,
        { provide: API_SETTINGS, useValue: settings },
        { provide: PasswordHasher, useFactory: () => new PasswordHasher({ cost: settings.bcryptCost }) },
        { provide: METRICS, useFactory: () => createMetrics({ app: 'api' }) },
      ],
      exports: [...REPOSITORIES, ChangeLog, PasswordHasher, METRICS, API_SETTINGS],
    };
  }
}
