import { Module, type DynamicModule } from '@nestjs/common';
import type { Config, WorkerPlace } from '@quayside/config';
import { DatabaseModule } from '@quayside/database';
import { type AppLog, createMetrics, openTraces } from '@quayside/observability';
import { configuredAuthorities, configuredCertificate, FtpWorker } from './ftp-worker.js';
import {
  APP_CONFIG,
  APP_LOG,
  APP_METRICS,
  APP_TRACES,
  CERTIFICATE,
  CLIENT_AUTHORITIES,
  WORKER_PLACE,
} from './tokens.js';

@Module({})
export class FtpWorkerModule {
  static forRoot(config: Config, databaseUrl: string, place: WorkerPlace, log: AppLog): DynamicModule {
    return {
      module: FtpWorkerModule,
      imports: [
        DatabaseModule.forRoot({
          url: databaseUrl,
          role: 'quayside_worker',
          poolSize: config.database.poolSize,
          applicationName: 'quayside ftp-worker',
          onWarning: (message, cause) => log.warn(message, { error: cause }),
        }),
      ],
      providers: [
        { provide: APP_CONFIG, useValue: config },
        { provide: APP_LOG, useValue: log },
        {
          provide: APP_METRICS,
          useFactory: () => createMetrics({ app: 'ftp-worker', worker: String(place.slot) }),
        },
        {
          provide: APP_TRACES,
          useFactory: () =>
            openTraces(config.traces, {
              service: 'quayside-ftp-worker',
              instance: `${config.nodeName}/${place.slot}`,
              log,
            }),
        },
        { provide: WORKER_PLACE, useValue: place },
        { provide: CERTIFICATE, useFactory: () => configuredCertificate(config) },
        { provide: CLIENT_AUTHORITIES, useFactory: () => configuredAuthorities(config) },
        FtpWorker,
      ],
    };
  }
}
