import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type Config, passiveShare, type WorkerPlace } from '@quayside/config';
import {
  AppliedEventsRepository,
  CredentialRepository,
  Database,
  DeadEventRepository,
  FtpSessionsRepository,
  LoginRepository,
  LoginThrottleRepository,
  NodesRepository,
  Notifications,
  QuotaLedgerRepository,
  RecountRepository,
  SpaceRepository,
  TenantDirectoryRepository,
  TrafficRepository,
  type WorkerLoad,
} from '@quayside/database';
import { newId } from '@quayside/domain';
import type { ClientAuthorities, FtpEngine } from '@quayside/ftp-engine';
import type { AppLog, Metrics, Traces } from '@quayside/observability';
import { PasswordHasher, VerifiedPasswords } from '@quayside/passwords';
import { EventPublisher, queueConnection } from '@quayside/queue';
import { AccountDirectory } from './auth/account-directory.js';
import { CredentialUpkeep } from './auth/credential-upkeep.js';
import { LoginThrottle } from './auth/login-throttle.js';
import { WorkerEvents } from './events/worker-events.js';
import { Heartbeat, leaseTtlMs } from './fleet/heartbeat.js';
import { NodeDrain } from './fleet/node-drain.js';
import {
  type CertificatePair,
  readCertificatePair,
  readClientAuthorities,
  watchFiles,
} from './listeners/certificate-files.js';
import { openListeners } from './listeners/listener-sockets.js';
import { TenantHosts } from './listeners/tenant-hosts.js';
import { WorkerFigures } from './metrics/worker-figures.js';
import { HeldLeases } from './quota/held-leases.js';
import { QuotaLeases } from './quota/quota-leases.js';
import { RecountJobs } from './recount/recount-jobs.js';
import { PartialSweep } from './upkeep/partial-sweep.js';
import { ScorePruning } from './upkeep/score-pruning.js';
import { Changes } from './sessions/changes.js';
import { LiveGrants } from './sessions/live-grants.js';
import { SessionDirectory } from './sessions/session-directory.js';
import { Rehearsal } from './rehearsal/rehearsal.js';
import { SpaceBackends } from './storage/storage-resolver.js';
import { Metering } from './traffic/metering.js';
import { MonthlyTraffic } from './traffic/monthly-traffic.js';
import { SharedRates } from './traffic/shared-rates.js';
import {
  APP_CONFIG,
  APP_LOG,
  APP_METRICS,
  APP_TRACES,
  CERTIFICATE,
  CLIENT_AUTHORITIES,
  WORKER_PLACE,
} from './tokens.js';
import { SpaceRemoval } from './upkeep/space-removal.js';
import { workerEngine } from './worker-engine.js';

const VERSION = '0.1.0';
/** What this worker has recorded is given this long to reach the ledger before an upload is refused. */
const SETTLE_MS = 500;
/** The same for what an earlier process of the slot had recorded. */
const PREDECESSORS_MS = 30_000;
/** Sessions at once that take the place of a rehearsal. */
const BUSY_SESSIONS = 4;

/** One FTP worker process: the engine, and the adapters that bind its ports to database, storage and spool. */
@Injectable()
export class FtpWorker implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly id = newId();
  private readonly nodes: NodesRepository;
  private readonly backends: SpaceBackends;
  private readonly publisher: EventPublisher;
  private readonly directory: SessionDirectory;
  private readonly events: WorkerEvents;
  private readonly engine: FtpEngine;
  private readonly credentials: CredentialUpkeep;
  private readonly changes: Changes;
  private readonly notifications: Notifications;
  private readonly heartbeat: Heartbeat;
  private readonly figures: WorkerFigures;
  private readonly nodeDrain: NodeDrain;
  private readonly rehearsal: Rehearsal;
  private readonly throttle: LoginThrottle;
  private readonly metering: Metering;
  private readonly partials: PartialSweep;
  private readonly scores: ScorePruning;
  private readonly recounts: RecountJobs;
  private readonly grants: LiveGrants;
  private readonly leases: QuotaLeases;
  private readonly ledger: QuotaLedgerRepository;
  private predecessors: string[] = [];
  private startsDraining = false;
  private unwatch: (() => void)[] = [];

  constructor(
    @Inject(APP_CONFIG) private readonly config: Config,
    @Inject(APP_LOG) private readonly log: AppLog,
    @Inject(APP_METRICS) metrics: Metrics,
    @Inject(APP_TRACES) private readonly traces: Traces | null,
    @Inject(WORKER_PLACE) private readonly place: WorkerPlace,
    @Inject(Database) database: Database,
    @Inject(CERTIFICATE) certificate: CertificatePair | null,
    @Inject(CLIENT_AUTHORITIES) clientAuthorities: ClientAuthorities | null,
  ) {
    const url = database.options.url;
    const ledger = (this.ledger = new QuotaLedgerRepository(database));
    const logins = new LoginRepository(database);
    const held = new HeldLeases();
    this.nodes = new NodesRepository(database);
    this.backends = new SpaceBackends(config.storage.root);
    const connection = queueConnection({ url: config.queue.url ?? url, role: 'quayside_worker', poolSize: 2 });
    this.publisher = new EventPublisher({ connection, log });
    this.directory = new SessionDirectory({
      store: new FtpSessionsRepository(database),
      workerId: this.id,
      deadAfterMs: config.deadAfterMs,
      log,
    });
    this.events = new WorkerEvents({
      config,
      place,
      source: { node: config.nodeName, worker: this.id },
      ledger,
      onSettled: (transferIds) => transferIds.forEach((id) => held.end(id)),
      applied: new AppliedEventsRepository(database),
      dead: new DeadEventRepository(database),
      publisher: this.publisher,
      backends: this.backends,
      log,
    });
    const accounts = new AccountDirectory({ records: logins });
    const hosts = new TenantHosts(new TenantDirectoryRepository(database));
    const leases = (this.leases = new QuotaLeases({
      ledger,
      workerId: this.id,
      log,
      held,
      leaseTtlMs: leaseTtlMs(config.deadAfterMs),
      settle: () => this.events.settle(SETTLE_MS),
    }));
    const grants = (this.grants = new LiveGrants(logins, () => this.engine, log));
    const hasher = new PasswordHasher({ cost: config.bcryptCost });
    const verified = new VerifiedPasswords();
    this.credentials = new CredentialUpkeep({ store: new CredentialRepository(database), hasher, verified, log });
    const scores = new LoginThrottleRepository(database);
    this.scores = new ScorePruning(scores, log);
    const throttle = (this.throttle = new LoginThrottle({
      shared: scores,
      log,
      allow: config.ftp.loginAllow,
    }));
    this.metering = new Metering({
      rates: new SharedRates({
        sessions: new FtpSessionsRepository(database),
        workerId: this.id,
        workers: place.count,
      }),
      traffic: new MonthlyTraffic({ traffic: new TrafficRepository(database), workerId: this.id }),
      log,
    });
    this.figures = new WorkerFigures({
      metrics,
      engine: () => this.engine,
      events: this.events,
      leases,
      passwords: hasher,
      database,
    });
    const passive = passiveShare(config.ftp.passivePorts, place);
    this.engine = workerEngine({
      config,
      listeners: openListeners(config, place),
      passivePorts: { min: passive.first, max: passive.last },
      certificate,
      clientAuthorities,
      accounts,
      hosts,
      hasher,
      verified,
      throttle,
      directory: this.directory,
      grants,
      credentials: this.credentials,
      backends: this.backends,
      leases,
      metering: this.metering,
      events: this.events,
      figures: this.figures,
      traces,
      log,
    });
    this.rehearsal = new Rehearsal({
      config,
      place,
      certificate,
      log,
      isBusy: () => this.engine.counts().sessions >= BUSY_SESSIONS,
    });
    this.nodeDrain = new NodeDrain({
      workerId: this.id,
      nodes: this.nodes,
      engine: () => this.engine,
      plan: { politeMs: config.ftp.drainTimeoutMs / 2, deadlineMs: config.ftp.nodeDrainTimeoutMs },
      log,
    });
    const removal = new SpaceRemoval(new SpaceRepository(database), config.storage.root, log);
    this.recounts = new RecountJobs({
      recounts: new RecountRepository(database),
      ledger,
      backendFor: (space) => this.backends.backendFor(space),
      workerId: this.id,
      log,
    });
    this.changes = new Changes({
      nodesChanged: () => void this.nodeDrain.changed(),
      // One process of the node is enough.
      removeSpaces: place.slot === 0 ? () => void removal.run() : () => undefined,
      recount: place.slot === 0 ? () => void this.recounts.run() : () => undefined,
      accounts,
      hosts,
      leases,
      grants,
      throttle,
      endSession: (id, end) => void this.engine.endSession(id, end),
      sessionsAmong: (ended) => this.directory.among(ended),
    });
    this.partials = new PartialSweep({ ledger, backendFor: (space) => this.backends.backendFor(space), log });
    this.notifications = new Notifications({
      url,
      applicationName: 'quayside ftp-worker notifications',
      onChange: (change) => this.changes.apply(change),
      onGap: () => void this.changes.compareAll(),
      onWarning: (message, cause) => log.warn(message, { error: cause }),
    });
    this.heartbeat = new Heartbeat({
      workerId: this.id,
      deadAfterMs: config.deadAfterMs,
      nodes: this.nodes,
      ledger,
      leases: held,
      directory: this.directory,
      sessions: this.engine,
      load: () => this.load(),
      onDraining: (draining) => this.nodeDrain.apply(draining),
      registerAgain: () => this.register(),
      log,
    });
  }

  /** In this order: whatever an earlier process promised is settled before a new promise is made. */
  async onApplicationBootstrap(): Promise<void> {
    await this.register();
    await this.events.start();
    this.notifications.start();
    this.nodeDrain.apply(this.startsDraining);
    await this.engine.start();
    this.changes.start();
    this.heartbeat.start();
    // One process of the node is enough.
    if (this.place.slot === 0) {
      this.partials.start();
      this.scores.start();
    }
    this.watchCertificates();
    void this.endLeasesOfPredecessors();
    if (this.config.ftp.warmUp) void this.rehearsal.start();
    this.log.info('listening', { worker: this.id, slot: this.place.slot, listeners: this.engine.addresses() });
  }

  async onApplicationShutdown(): Promise<void> {
    for (const unwatch of this.unwatch) unwatch();
    await this.rehearsal.stop();
    await this.engine.drain(this.config.ftp.drainTimeoutMs);
    this.changes.stop();
    this.leases.stop();
    this.grants.stop();
    await this.metering.stop();
    await this.throttle.stop();
    await this.partials.stop();
    await this.recounts.stop();
    this.scores.stop();
    await this.heartbeat.stop();
    await this.credentials.stop();
    await this.directory.stop();
    await this.events.stop();
    await this.notifications.close();
    await this.publisher.close();
    await this.nodes.removeWorker(this.id).catch(() => undefined);
    this.backends.close();
    await this.traces?.close();
  }

  /** Prometheus text of this process. */
  metricsText(): Promise<string> {
    return this.figures.text();
  }

  private async register(): Promise<void> {
    const { nodeName, ftp } = this.config;
    const node = await this.nodes.registerNode({ id: newId(), name: nodeName, version: VERSION });
    const worker = {
      id: this.id,
      nodeId: node.id,
      slot: this.place.slot,
      pid: process.pid,
      ports: { ftp: ftp.port, ftps: ftp.implicitTlsPort, passive: passiveShare(ftp.passivePorts, this.place) },
    };
    this.startsDraining = node.draining;
    await this.nodes.registerWorker(worker);
    this.predecessors = await this.nodes.predecessors(worker);
    for (const dead of this.predecessors) await this.nodes.removeWorker(dead);
  }

  private load(): WorkerLoad {
    const spool = this.events.stats();
    return {
      accepting: this.engine.accepting,
      ...this.engine.counts(),
      spool: spool.state,
      spoolBytes: spool.bytes,
      spoolOldestSeconds: Math.round(spool.oldestMs / 1000),
      // Read from a file, and most beats do not show it.
      get rssBytes() {
        return process.memoryUsage.rss();
      },
    };
  }

  /**
   * What earlier processes of the slot left has been recovered; once it is in the ledger too, nothing of theirs needs a
   * lease any more, and waiting for the leases to expire would keep bytes from customers.
   */
  private async endLeasesOfPredecessors(): Promise<void> {
    const dead = this.predecessors.splice(0);
    if (dead.length === 0 || !(await this.events.settle(PREDECESSORS_MS))) return;
    try {
      for (const id of dead) await this.ledger.expireWorker(id);
      await this.ledger.sweep();
    } catch (error) {
      this.log.warn('leases of an earlier process end only with their time', { error: String(error) });
    }
  }

  private watchCertificates(): void {
    const { certFile, keyFile, clientCaFile } = this.config.tls;
    if (certFile !== undefined && keyFile !== undefined) {
      this.watch('the certificate', [certFile, keyFile], {
        read: () => readCertificatePair(certFile, keyFile),
        use: (pair) => this.engine.setCertificate(pair),
      });
    }
    if (clientCaFile !== undefined) {
      this.watch('the list of those who vouch for client certificates', [clientCaFile], {
        read: () => readClientAuthorities(clientCaFile),
        use: (authorities) => this.engine.setClientAuthorities(authorities),
      });
    }
  }

  private watch<T>(what: string, files: readonly string[], parts: FileUse<T>): void {
    const replace = (value: T): void => {
      parts.use(value);
      this.log.info(`${what} was replaced; new connections get the new one`);
    };
    const keep = (error: Error): void =>
      this.log.error(`${what} cannot be replaced; the old one stays`, { error: error.message });
    this.unwatch.push(watchFiles(files, parts.read, replace, keep));
  }
}

/** Files that are read again when they change. */
interface FileUse<T> {
  readonly read: () => Promise<T>;
  readonly use: (value: T) => void;
}

/** The listeners' certificate from the settings; null where none is set. */
export async function configuredCertificate({ tls }: Config): Promise<CertificatePair | null> {
  if (tls.certFile === undefined || tls.keyFile === undefined) return null;
  return readCertificatePair(tls.certFile, tls.keyFile);
}

/** Who vouches for client certificates; null where the settings name nobody. */
export async function configuredAuthorities({ tls }: Config): Promise<ClientAuthorities | null> {
  return tls.clientCaFile === undefined ? null : readClientAuthorities(tls.clientCaFile);
}
