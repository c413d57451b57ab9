import { removeDataDirs, startInstallation, type RunningInstallation } from '../installation.js';
import { PostgresServer } from './postgres-server.js';
import { RedisServer } from './redis-server.js';
import { UploadLoad, type LoadOptions } from './upload-load.js';

export type QueueBackend = 'PostgreSQL' | 'Redis';

const PASSWORD = 'correct-horse-battery';
/** Of the limited account: far away, but asked for. */
const LIMIT = 10_000_000_000;

/** An installation over a database and a queue of its own, which a spec may take away. */
export interface FaultFixture {
  readonly server: RunningInstallation;
  readonly postgres: PostgresServer;
  readonly redis: RedisServer | null;
  load(options: Partial<LoadOptions> & Pick<LoadOptions, 'clients'>): UploadLoad;
  stop(): Promise<void>;
}

/** Two tenants with an account each: one without limits, one whose uploads lease from a quota. */
export async function startFaultFixture(backend: QueueBackend, env: NodeJS.ProcessEnv = {}): Promise<FaultFixture> {
  const postgres = await PostgresServer.start();
  let redis: RedisServer | null = null;
  let server: RunningInstallation | null = null;
  const stop = async (): Promise<void> => {
    await server?.stop();
    await redis?.remove();
    await postgres.remove();
    removeDataDirs();
  };
  try {
    redis = backend === 'Redis' ? await RedisServer.start() : null;
    const queue = redis === null ? {} : { QUEUE_URL: redis.url };
    const running = (server = await startInstallation({ env: { DATABASE_URL: postgres.url, ...queue, ...env } }));
    const logins: LoadOptions['logins'][number][] = [];
    for (const [slug, quota] of [
      ['free', {}],
      ['limited', { quota: { bytes: LIMIT } }],
    ] as const) {
      await running.api.ok('POST', '/tenants', { slug, name: slug });
      await running.api.ok('POST', `/tenants/${slug}/accounts`, { username: 'carol', password: PASSWORD, ...quota });
      logins.push({ user: `carol@${slug}`, password: PASSWORD, tenant: slug });
    }
    const load: FaultFixture['load'] = (options) => new UploadLoad({ port: running.ports.ftp, logins, ...options });
    return { server: running, postgres, redis, load, stop };
  } catch (error) {
    // The spec has no fixture to stop then, and the servers would go on for good.
    await stop();
    throw error;
  }
}
