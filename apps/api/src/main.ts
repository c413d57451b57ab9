import 'reflect-metadata';
import { loadConfig } from '@quayside/config';
import { Database } from '@quayside/database';
import { DomainError } from '@quayside/domain';
import { createLog, NestLogger, openTraces } from '@quayside/observability';
import {
  answerParent,
  dropStartGarbage,
  exitFatally,
  FatalError,
  followSources,
  letCompile,
  listenError,
  reportReady,
  stopOnRequest,
} from '@quayside/supervisor';
import { createApp } from './create-app.js';
import { isMigrated } from './health/migrated.js';

/** How long running requests may take to finish after the stop was asked for. */
const FINISH_MS = 10_000;

async function main(): Promise<void> {
  followSources();
  letCompile();
  const config = loadConfig(process.env);
  const log = createLog({ app: 'api', level: config.log.level, format: config.log.format });
  const { host, port } = config.api;
  if (config.database.url === undefined) {
    throw new FatalError('Set DATABASE_URL: only `npm start` brings a PostgreSQL of its own.');
  }
  const traces = await openTraces(config.traces, { service: 'quayside-api', instance: config.nodeName, log });
  const app = await createApp(
    {
      databaseUrl: config.database.url,
      databasePoolSize: config.database.poolSize,
      bootstrapAdminKey: config.bootstrapAdminKey,
      bcryptCost: config.bcryptCost,
      deadAfterMs: config.deadAfterMs,
      loginAllow: config.ftp.loginAllow,
      webhooksAllowPrivate: config.webhooks.allowPrivate,
      traces,
      onWarning: (message, cause) => log.warn(message, { cause }),
    },
    new NestLogger(log),
  );
  stopOnRequest(
    async () => {
      log.info('stopping');
      setTimeout(() => app.getHttpServer().closeAllConnections(), FINISH_MS).unref();
      await app.close();
      await traces?.close();
    },
    { deadlineMs: FINISH_MS + 5_000 },
  );
  await requireMigrated(app.get(Database));
  await app.listen(port, host).catch((error: unknown) => {
    throw listenError(error, { setting: 'API_PORT', hostSetting: 'API_HOST', host, port });
  });
  log.info('listening', { host, port });
  answerParent({});
  reportReady({ host, port });
  dropStartGarbage();
}

/** Says so where the tables are missing; the first statement of a feature would only name one of them. */
async function requireMigrated(database: Database): Promise<void> {
  if (await isMigrated(database)) return;
  throw new FatalError(
    'The database has no tables of Quayside yet. Apply the migrations first, or start with `npm start`.',
  );
}

/** A database that is away may come back, so the parent starts this process again; anything else is for the operator. */
function exit(error: unknown): void {
  if (!(error instanceof DomainError) || error.code !== 'database.unavailable') {
    exitFatally(error);
    return;
  }
  const reason = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  process.stderr.write(
    `The database at DATABASE_URL cannot be reached${reason}. Start PostgreSQL or correct DATABASE_URL.\n`,
  );
  process.exit(1);
}

main().catch(exit);
