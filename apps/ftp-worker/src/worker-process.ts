import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { loadConfig, workerPlace } from '@quayside/config';
import { shareSocketShapes } from '@quayside/ftp-engine';
import { createLog, NestLogger } from '@quayside/observability';
import {
  answerParent,
  exitFatally,
  FatalError,
  followSources,
  letCompile,
  reportReady,
  stopOnRequest,
} from '@quayside/supervisor';
import { FtpWorker } from './ftp-worker.js';
import { FtpWorkerModule } from './ftp-worker.module.js';

/** Beyond the drain: settling the spool and closing. */
const STOP_MARGIN_MS = 8_000;

/** One worker process; started by the prefork or by the standalone installation. */
async function main(): Promise<void> {
  followSources();
  letCompile();
  shareSocketShapes();
  const config = loadConfig(process.env);
  const place = workerPlace(process.env);
  if (config.database.url === undefined) {
    throw new FatalError('DATABASE_URL is not set. Set it to the PostgreSQL of this installation, or use npm start.');
  }
  const log = createLog({
    app: 'ftp-worker',
    level: config.log.level,
    format: config.log.format,
    fields: { slot: place.slot },
  });
  const app = await NestFactory.createApplicationContext(
    FtpWorkerModule.forRoot(config, config.database.url, place, log),
    { logger: new NestLogger(log), abortOnError: false },
  );
  stopOnRequest(() => app.close(), { deadlineMs: config.ftp.drainTimeoutMs + STOP_MARGIN_MS });
  answerParent({ metrics: () => app.get(FtpWorker).metricsText() });
  reportReady();
}

main().catch(exitFatally);
