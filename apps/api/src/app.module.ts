import { type DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { StandardSchemaSerializerInterceptor } from '@nestjs/common';
import { DatabaseModule } from '@quayside/database';
import { AccountsModule } from './accounts/accounts.module.js';
import { ApiKeysModule } from './api-keys/api-keys.module.js';
import { AuditModule } from './audit/audit.module.js';
import { BansModule } from './bans/bans.module.js';
import { AccessGuard } from './auth/access.guard.js';
import { CredentialsModule } from './credentials/credentials.module.js';
import { CoreModule } from './core.module.js';
import { DeadEventsModule } from './dead-events/dead-events.module.js';
import { DocsModule } from './docs/docs.module.js';
import { DomainsModule } from './domains/domains.module.js';
import { EventsModule } from './events/events.module.js';
import { ExplainModule } from './explain/explain.module.js';
import { HealthModule } from './health/health.module.js';
import { ResourceHeadersInterceptor } from './http/resource-headers.interceptor.js';
import { ValidationPipe } from './http/validation.js';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor.js';
import { MountsModule } from './mounts/mounts.module.js';
import { PoliciesModule } from './policies/policies.module.js';
import { RecountsModule } from './recounts/recounts.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import type { ApiSettings } from './settings.js';
import { SpacesModule } from './spaces/spaces.module.js';
import { NodesModule } from './nodes/nodes.module.js';
import { StreamModule } from './stream/stream.module.js';
import { TenantsModule } from './tenants/tenants.module.js';
import { TransfersModule } from './transfers/transfers.module.js';
import { UsageModule } from './usage/usage.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';

@Module({})
export class AppModule {
  static forRoot(settings: ApiSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        DatabaseModule.forRoot({
          url: settings.databaseUrl,
          role: 'quayside_api',
          poolSize: settings.databasePoolSize,
          applicationName: 'quayside api',
          onWarning: settings.onWarning,
        }),
        CoreModule.forRoot(settings),
        TenantsModule,
        DomainsModule,
        AccountsModule,
        CredentialsModule,
        SpacesModule,
        RecountsModule,
        MountsModule,
        PoliciesModule,
        ExplainModule,
        UsageModule,
        ApiKeysModule,
        TransfersModule,
        EventsModule,
        SessionsModule,
        AuditModule,
        BansModule,
        DeadEventsModule,
        NodesModule,
        StreamModule,
        WebhooksModule,
        HealthModule,
        DocsModule,
      ],
      providers: [
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_PIPE, useClass: ValidationPipe },
        // Outermost first: what is stored under an Idempotency-Key is the answer with its headers, as it was sent.
        { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
        { provide: APP_INTERCEPTOR, useClass: ResourceHeadersInterceptor },
        {
          provide: APP_INTERCEPTOR,
          useFactory: (reflector: Reflector) => new StandardSchemaSerializerInterceptor(reflector),
          inject: [Reflector],
        },
      ],
    };
  }
}
