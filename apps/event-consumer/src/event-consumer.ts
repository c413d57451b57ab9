import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Config } from '@quayside/config';
import {
  Database,
  DeadEventRepository,
  EventLogWriter,
  FtpSessionsRepository,
  NodesRepository,
  Notifications,
  OutboxRepository,
  QuotaLedgerRepository,
  UpkeepRepository,
  UsageClosingRepository,
  WebhookQueueRepository,
} from '@quayside/database';
import { type AppLog, type Metrics, MetricsServer, type Traces } from '@quayside/observability';
import { type EventPublisher, openQueue, type EventWorker } from '@quayside/queue';
import { EventApplier } from './event-applier.js';
import { OutboxRelay } from './outbox/outbox-relay.js';
import { project } from './projections/index.js';
import { APP_CONFIG, APP_LOG, APP_METRICS, APP_TRACES } from './tokens.js';
import { upkeepJobs } from './upkeep/upkeep-jobs.js';
import { UpkeepScheduler } from './upkeep/upkeep-scheduler.js';
import { backlogReader } from './upkeep/backlog.js';
import { DeliveryWorker } from './webhooks/delivery-worker.js';

/** How long a running batch may take when the process is asked to end. */
const GRACE_MS = 10_000;
/** How long a reader of the metrics waits for queue and database. */
const REFRESH_MS = 1_500;

/** Queue and outbox into the log, webhooks out of it, and the upkeep of the database, for as long as the app runs. */
@Injectable()
export class EventConsumer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly worker: EventWorker;
  private readonly relay: OutboxRelay;
  private readonly deliveries: DeliveryWorker;
  private readonly upkeep: UpkeepScheduler;
  private readonly notifications: Notifications;
  private readonly publisher: EventPublisher;
  private readonly metricsServer: MetricsServer | null;
  /** Prometheus text of this process. */
  readonly metricsText: () => Promise<string>;
  /** After the database was away, workers get the time to renew sessions and leases before anything is reaped. */
  private settledAtMs: number;

  constructor(
    @Inject(APP_CONFIG) config: Config,
    @Inject(APP_LOG) log: AppLog,
    @Inject(APP_METRICS) metrics: Metrics,
    @Inject(APP_TRACES) private readonly traces: Traces | null,
    @Inject(Database) database: Database,
  ) {
    const settleMs = 2 * config.deadAfterMs;
    this.settledAtMs = performance.now() + settleMs;
    const writer = new EventLogWriter(database);
    const upkeep = new UpkeepRepository(database);
    const dead = new DeadEventRepository(database);
    const applierOf = (source: 'queue' | 'outbox'): EventApplier =>
      new EventApplier({
        eventLog: { applyEvents: (events) => writer.applyEvents(events.map(project)) },
        dead,
        source,
        log,
        metrics,
        traces,
        signal: this.stopping.signal,
      });
    const queued = applierOf('queue');
    const posted = applierOf('outbox');
    const url = databaseUrl(config);
    const queue = openQueue({ url: config.queue.url ?? url, role: 'quayside_consumer', log });
    this.worker = queue.worker({ apply: (events) => queued.apply(events) });
    this.publisher = queue.publisher();
    const outbox = new OutboxRepository(database);
    this.relay = new OutboxRelay({ outbox, apply: (events) => posted.apply(events), log });
    const webhooks = new WebhookQueueRepository(database);
    this.deliveries = new DeliveryWorker({ queue: webhooks, policy: config.webhooks, log, metrics, traces });
    const { host, consumerPort: port } = config.metrics;
    const read = backlogReader({ queue: this.publisher, outbox, dead, webhooks, metrics });
    // What is away must not keep the rest from whoever watches.
    const refresh = (): Promise<void> => Promise.race([read(), delay(REFRESH_MS, undefined, { ref: false })]);
    this.metricsServer = port === 0 ? null : new MetricsServer({ host, port, metrics, refresh });
    this.metricsText = async () => {
      await refresh();
      return metrics.text();
    };
    this.upkeep = new UpkeepScheduler({
      jobs: upkeepJobs({
        eventLog: writer,
        quota: new QuotaLedgerRepository(database),
        nodes: new NodesRepository(database),
        sessions: new FtpSessionsRepository(database),
        upkeep,
        dead,
        usage: new UsageClosingRepository(database),
        webhooks,
        retention: config.retention,
        deadAfterMs: config.deadAfterMs,
        settled: () => performance.now() >= this.settledAtMs,
      }),
      exclusively: (name, work) => upkeep.exclusively(name, work),
      log,
    });
    this.notifications = new Notifications({
      url,
      applicationName: 'quayside consumer notifications',
      onChange: ({ table }) => {
        if (table === 'outbox') this.relay.wake();
        if (table === 'webhook_lane') this.deliveries.wake();
      },
      onGap: () => {
        this.settledAtMs = performance.now() + settleMs;
        this.relay.wake();
        this.deliveries.wake();
      },
      onWarning: (message, cause) => log.warn(message, { error: cause }),
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.metricsServer?.start();
    this.worker.start();
    this.relay.start();
    this.deliveries.start();
    this.upkeep.start();
    this.notifications.start();
  }

  /** Before the database closes: a batch under way is finished, what is left is delivered again. */
  async beforeApplicationShutdown(): Promise<void> {
    const waiting = setTimeout(() => this.stopping.abort(), GRACE_MS);
    try {
      await Promise.all([
        this.notifications.close(),
        this.upkeep.stop(),
        this.relay.stop(),
        this.deliveries.stop(GRACE_MS),
        this.metricsServer?.stop(),
        this.publisher.close(),
        this.worker.close(GRACE_MS),
      ]);
    } finally {
      clearTimeout(waiting);
      this.stopping.abort();
      await this.traces?.close();
    }
  }
}

/** The apps get their database from the installation around them; only the standalone app may leave it out. */
export function databaseUrl(config: Config): string {
  if (config.database.url === undefined) throw new Error('DATABASE_URL is not set');
  return config.database.url;
}
