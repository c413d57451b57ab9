import { join } from 'node:path';
import type { Config } from '@quayside/config';
import { type ChildSpec, GLIBC_SETTINGS, RESTING_NODE_OPTIONS, WORKER_NODE_OPTIONS } from '@quayside/supervisor';

const READY_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 20_000;
/** Beyond the drain: settling the spool and closing. */
const WORKER_STOP_MARGIN_MS = 10_000;
/** File i/o and imported password hashes share libuv's pool; with its default of 4 threads a few hashes stall it. */
const THREADS = '16';

/**
 * Who waits for a transfer comes before the log of it: where processors are short, the event consumer takes its turn
 * behind the workers. What waits meanwhile is on disk in the spool and has a bound.
 */
export const BOOKKEEPING_NICENESS = 5;

/** The child processes of an installation, in the groups in which they are stopped. */
export interface InstallationApps {
  readonly api: ChildSpec;
  readonly consumer: ChildSpec;
  readonly workers: readonly ChildSpec[];
}

/** What the children get besides the settings of the operator. */
export interface ChildSettings {
  readonly DATABASE_URL: string;
  readonly BOOTSTRAP_ADMIN_KEY: string;
  readonly FTP_TLS_CERT: string;
  readonly FTP_TLS_KEY: string;
}

/** The apps are built beside this one: dist/apps/<app>/apps/<app>/src. */
export function appsOfInstallation(config: Config, env: NodeJS.ProcessEnv, settings: ChildSettings): InstallationApps {
  const base: NodeJS.ProcessEnv = {
    UV_THREADPOOL_SIZE: THREADS,
    ...GLIBC_SETTINGS,
    ...env,
    ...settings,
    DATA_DIR: config.dataDir,
    STORAGE_ROOT: config.storage.root,
    SPOOL_DIR: config.spool.dir,
    // The records are read by this process, which makes them readable where that is wanted.
    LOG_FORMAT: 'json',
  };
  const spec = (role: string, app: string, file: string, extra: Partial<ChildSpec> = {}): ChildSpec => ({
    role,
    script: join(import.meta.dirname, '../../../..', app, 'apps', app, 'src', file),
    env: base,
    readyDeadlineMs: READY_DEADLINE_MS,
    stopDeadlineMs: STOP_DEADLINE_MS,
    ...extra,
  });
  const count = config.ftp.workers;
  return {
    api: spec('api', 'api', 'main.js', { nodeOptions: RESTING_NODE_OPTIONS }),
    consumer: spec('event-consumer', 'event-consumer', 'main.js', {
      nodeOptions: RESTING_NODE_OPTIONS,
      niceness: BOOKKEEPING_NICENESS,
    }),
    workers: Array.from({ length: count }, (_, slot) =>
      spec(`ftp-worker-${slot + 1}`, 'ftp-worker', 'worker-process.js', {
        nodeOptions: WORKER_NODE_OPTIONS,
        env: { ...base, WORKER_SLOT: String(slot), WORKER_COUNT: String(count) },
        stopDeadlineMs: config.ftp.drainTimeoutMs + WORKER_STOP_MARGIN_MS,
      }),
    ),
  };
}
