import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { loadConfig } from '@quayside/config';
import { createLog, createMetrics, NestLogger } from '@quayside/observability';
import {
  answerParent,
  dropStartGarbage,
  exitFatally,
  FatalError,
  followSources,
  letCompile,
  reportReady,
  stopOnRequest,
} from '@quayside/supervisor';
import { EventConsumer } from './event-consumer.js';
import { EventConsumerModule } from './event-consumer.module.js';

/** The grace for a running batch, and what closing the connections takes. */
const STOP_DEADLINE_MS = 18_000;

async function main(): Promise<void> {
  followSources();
  letCompile();
  const config = loadConfig(process.env);
  if (config.database.url === undefined) {
    throw new FatalError('DATABASE_URL is not set. Set it to the PostgreSQL of this installation, or use npm start.');
  }
  const log = createLog({ app: 'event-consumer', level: config.log.level, format: config.log.format });
  const metrics = createMetrics({ app: 'event-consumer' });
  const app = await NestFactory.createApplicationContext(EventConsumerModule.forRoot(config, log, metrics), {
    logger: new NestLogger(log),
    abortOnError: false,
  });
  stopOnRequest(() => app.close(), { deadlineMs: STOP_DEADLINE_MS });
  log.info('event consumer ready', { queue: config.queue.url === undefined ? 'postgres' : 'redis' });
  answerParent({ metrics: () => app.get(EventConsumer).metricsText() });
  reportReady();
  dropStartGarbage();
}

main().catch(exitFatally);
