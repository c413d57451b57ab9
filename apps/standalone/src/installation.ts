import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '@quayside/config';
import { metricsOfChildren } from '@quayside/observability';
import { Supervisor } from '@quayside/supervisor';
import { adminKey } from './admin-key.js';
import { appsOfInstallation, BOOKKEEPING_NICENESS, type InstallationApps } from './apps-of-installation.js';
import { certificateFiles } from './certificate.js';
import { lockDataDir, type DataLock } from './data-lock.js';
import { assertPortsFree } from './ports.js';
import { clusterFolder, EmbeddedPostgres } from './postgres/embedded-postgres.js';
import { prepareDatabase } from './prepare-database.js';
import { secretFile } from './secret-file.js';
import { Console } from './terminal/console.js';
import { LogFile } from './terminal/log-file.js';
import { readyScreen } from './terminal/ready-screen.js';

/** Connections beyond the pools: LISTEN clients, the queue's own, the operator's psql. */
const SPARE_CONNECTIONS = 30;

export interface InstallationOptions {
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly out: (text: string) => void;
  /** Something after the start makes going on pointless; the message is for the operator. */
  readonly onFatal: (message: string) => void;
  readonly signal: AbortSignal;
}

/** Everything that runs on one machine: PostgreSQL, API, FTP workers and event consumer as children of this process. */
export class Installation {
  private lock: DataLock | undefined;
  private log: LogFile | undefined;
  private console: Console | undefined;
  private postgres: EmbeddedPostgres | undefined;
  private supervisor: Supervisor | undefined;
  private apps: InstallationApps | undefined;

  constructor(private readonly options: InstallationOptions) {}

  /** Starts all and prints the ready screen. When it throws, {@link stop} still has to be called. */
  async start(): Promise<void> {
    const startedAt = performance.now();
    const { config, signal } = this.options;
    this.lock = lockDataDir(config.dataDir);
    const logFile = join(config.dataDir, 'logs', 'quayside.log');
    this.log = new LogFile(logFile);
    const console = new Console(this.log, this.options.out);
    this.console = console;
    await assertPortsFree(config);
    // Others may enter and see that there is something; each thing inside guards itself.
    chmodSync(config.dataDir, 0o755);
    for (const folder of [config.storage.root, config.spool.dir]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const admin = adminKey(config);
    const certificate = await certificateFiles(config);

    const databaseUrl = config.database.url ?? (await this.startPostgres(console));
    signal.throwIfAborted();
    await prepareDatabase(databaseUrl, (message) => console.note(message));
    signal.throwIfAborted();

    const apps = appsOfInstallation(config, this.options.env, {
      DATABASE_URL: databaseUrl,
      BOOTSTRAP_ADMIN_KEY: admin.key,
      FTP_TLS_CERT: certificate.certFile,
      FTP_TLS_KEY: certificate.keyFile,
    });
    this.apps = apps;
    this.supervisor = this.supervise(console);
    console.lifecycle(`Starting API, event consumer and ${config.ftp.workers} FTP worker(s) ...`);
    await this.startApps(this.supervisor, apps);
    signal.throwIfAborted();
    this.options.out(readyScreen({ config, admin, certificate, logFile, startedInMs: performance.now() - startedAt }));
    console.note('ready');
  }

  /** Workers first, so that what they were told to keep reaches the log; the database last. */
  async stop(): Promise<void> {
    const { supervisor, apps, console } = this;
    if (supervisor !== undefined && apps !== undefined) {
      console?.lifecycle('Stopping: running transfers may finish first ...');
      await supervisor.stop(apps.workers.map(({ role }) => role));
      await supervisor.stop([apps.consumer.role]);
      await supervisor.stop([apps.api.role]);
    }
    await this.postgres?.stop();
    if (apps !== undefined) console?.lifecycle('Stopped.');
    this.log?.close();
    this.lock?.release();
  }

  private async startPostgres(console: Console): Promise<string> {
    const { config } = this.options;
    console.lifecycle('Starting PostgreSQL ...');
    // The pools of the API, the consumer and each worker.
    const pools = (2 + config.ftp.workers) * config.database.poolSize;
    this.postgres = await EmbeddedPostgres.start({
      folder: clusterFolder(config.dataDir),
      password: secretFile(join(config.dataDir, 'postgres-password'), () => randomBytes(24).toString('base64url')),
      maxConnections: pools + config.ftp.workers * 4 + SPARE_CONNECTIONS,
      niceness: BOOKKEEPING_NICENESS,
      onLine: (line) => console.postgresLine(line),
      onCrash: (how) => console.warn(`PostgreSQL ended (${how}) and is started again`),
      onFatal: (message) => this.options.onFatal(message),
    });
    return this.postgres.url();
  }

  private supervise(console: Console): Supervisor {
    return new Supervisor({
      onLine: (role, line) => console.childLine(role, line),
      onCrash: ({ role, how, restartInMs }) =>
        console.warn(`${role} ended (${how}) and is started again in ${restartInMs / 1000} s`),
      onReady: (role, pid, restarts) => {
        if (restarts === 0) console.note(`${role} is ready (pid ${pid})`);
        else console.lifecycle(`${role} is back (pid ${pid})`);
      },
      onFatal: (role, message) => this.options.onFatal(`${role}: ${message}`),
      onQuestion: (role, what) => this.answer(role, what),
    });
  }

  /** The API shows the metrics of all processes: it asks for those of the others. */
  private answer(role: string, what: string): Promise<string> {
    if (this.supervisor === undefined || what !== 'metrics') return Promise.reject(new Error(`"${what}" is not known`));
    return metricsOfChildren(this.supervisor, role);
  }

  private async startApps(supervisor: Supervisor, { api, consumer, workers }: InstallationApps): Promise<void> {
    const starts = await Promise.allSettled([api, consumer, ...workers].map((spec) => supervisor.start(spec)));
    const failures = starts.flatMap((start) => (start.status === 'rejected' ? [start.reason as unknown] : []));
    if (failures.length > 0) throw failures[0];
  }
}
