import { Module, type DynamicModule } from '@nestjs/common';
import type { Config } from '@quayside/config';
import { DatabaseModule } from '@quayside/database';
import { type AppLog, type Metrics, openTraces } from '@quayside/observability';
import { databaseUrl, EventConsumer } from './event-consumer.js';
import { APP_CONFIG, APP_LOG, APP_METRICS, APP_TRACES } from './tokens.js';

@Module({})
export class EventConsumerModule {
  static forRoot(config: Config, log: AppLog, metrics: Metrics): DynamicModule {
    return {
      module: EventConsumerModule,
      imports: [
        DatabaseModule.forRoot({
          url: databaseUrl(config),
          role: 'quayside_consumer',
          poolSize: config.database.poolSize,
          applicationName: 'quayside event-consumer',
          onWarning: (message, cause) => log.warn(message, { error: cause }),
        }),
      ],
      providers: [
        { provide: APP_CONFIG, useValue: config },
        { provide: APP_LOG, useValue: log },
        { provide: APP_METRICS, useValue: metrics },
        {
          provide: APP_TRACES,
          useFactory: () =>
            openTraces(config.traces, { service: 'quayside-event-consumer', instance: config.nodeName, log }),
        },
        EventConsumer,
      ],
    };
  }
}
