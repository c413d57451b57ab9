import { loadConfig } from '@quayside/config';
import { createLog, metricsOfChildren, MetricsServer } from '@quayside/observability';
import {
  FatalError,
  Supervisor,
  exitFatally,
  followSources,
  listenError,
  reportReady,
  stopOnRequest,
} from '@quayside/supervisor';
import { workerSpecs } from './prefork.js';

const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** The FTP worker command: FTP_WORKERS processes on the same ports, started again when they die. */
async function main(): Promise<void> {
  followSources();
  const config = loadConfig(process.env);
  if (config.database.url === undefined) {
    throw new FatalError('DATABASE_URL is not set. Set it to the PostgreSQL of this installation, or use npm start.');
  }
  const log = createLog({ app: 'ftp-worker', level: config.log.level, format: config.log.format });
  const specs = workerSpecs(config, process.env);
  const supervisor = new Supervisor({
    // The workers write whole log records themselves.
    onLine: (_role, line, stream) => process[stream].write(`${line}\n`),
    onCrash: (crash) => log.error('a worker ended and is started again', { ...crash }),
    onReady: (role, pid, restarts) => log.info('worker ready', { role, pid, restarts }),
    onFatal: (_role, message) => {
      void supervisor.stop().then(() => exitFatally(new FatalError(message)));
    },
  });
  const { host, workerPort: port } = config.metrics;
  const metrics = { contentType: PROMETHEUS_TEXT, text: () => metricsOfChildren(supervisor) };
  const server = port === 0 ? null : new MetricsServer({ host, port, metrics });
  stopOnRequest(() => Promise.all([supervisor.stop(), server?.stop()]).then(() => undefined), {
    deadlineMs: config.ftp.drainTimeoutMs + 15_000,
  });
  await server?.start().catch((error: unknown) => {
    throw listenError(error, { setting: 'WORKER_METRICS_PORT', hostSetting: 'METRICS_HOST', host, port });
  });
  await Promise.all(specs.map((spec) => supervisor.start(spec)));
  reportReady();
}

main().catch(exitFatally);
