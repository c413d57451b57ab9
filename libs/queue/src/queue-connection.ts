import {
  createPostgresBackend,
  Queue,
  Worker,
  type Processor,
  type QueueOptions,
  type WorkerOptions,
  type IQueueBackend,
} from 'bullmq';

export type QueueBackendKind = 'postgres' | 'redis';

export interface QueueConnection {
  readonly kind: QueueBackendKind;
  queue(name: string, options: Omit<QueueOptions, 'connection'>): EventsQueue;
  worker(name: string, processor: Processor, options: Omit<WorkerOptions, 'connection'>): EventsWorker;
}

/** BullMQ's classes over either backend. */
export type EventsQueue = Pick<
  Queue,
  'add' | 'close' | 'disconnect' | 'on' | 'waitUntilReady' | 'getJobCounts' | 'getJobState'
>;
export type EventsWorker = Pick<Worker, 'close' | 'disconnect' | 'on' | 'run' | 'waitUntilReady' | 'isRunning'>;

export interface QueueConnectionOptions {
  /** `postgres://…` or `postgresql://…` (BullMQ's schema there), or `redis://…`, `rediss://…`. */
  readonly url: string;
  /** PostgreSQL role that every connection takes on; ignored on Redis. */
  readonly role?: string;
  /** Connections to PostgreSQL per queue or worker. */
  readonly poolSize?: number;
}

/** Which backend a URL names. Throws where it names none. */
export function queueBackendOf(url: string): QueueBackendKind {
  if (/^postgres(ql)?:\/\//.test(url)) return 'postgres';
  if (/^rediss?:\/\//.test(url)) return 'redis';
  throw new Error('QUEUE_URL must start with postgres://, postgresql://, redis:// or rediss://');
}

/** Connects nothing yet: each queue and worker opens its own connections. */
export function queueConnection(options: QueueConnectionOptions): QueueConnection {
  return queueBackendOf(options.url) === 'postgres' ? postgresConnection(options) : redisConnection(options.url);
}

function postgresConnection({ url, role, poolSize = 4 }: QueueConnectionOptions): QueueConnection {
  const connection = {
    connectionString: url,
    ...(role === undefined ? {} : { onConnect: (client: RoleClient) => takeRole(client, role) }),
    max: poolSize,
    connectionTimeoutMillis: 5_000,
    query_timeout: 15_000,
    keepAlive: true,
    application_name: 'quayside-queue',
  };
  const backend = createPostgresBackend as never;
  return {
    kind: 'postgres',
    queue: (name, rest) =>
      new Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend>(
        name,
        { ...rest, connection },
        backend,
      ) as unknown as EventsQueue,
    worker: (name, processor, rest) =>
      new Worker<unknown, unknown, string, IQueueBackend>(
        name,
        processor,
        { ...rest, connection },
        backend,
      ) as unknown as EventsWorker,
  };
}

interface RoleClient {
  query(text: string, values: unknown[]): Promise<unknown>;
}

/** `SET ROLE` where the role exists and may be taken; a managed PostgreSQL may have refused to make it. */
async function takeRole(client: RoleClient, role: string): Promise<void> {
  await client.query(
    `SELECT set_config('role', rolname, false) FROM pg_roles WHERE rolname = $1 AND pg_has_role(session_user, oid, 'MEMBER')`,
    [role],
  );
}

function redisConnection(url: string): QueueConnection {
  return {
    kind: 'redis',
    // A publisher fails fast and never reconnects by itself: the spool keeps what it could not send, and the next call
    // opens a new connection.
    queue: (name, rest) =>
      new Queue(name, {
        ...rest,
        connection: { url, enableOfflineQueue: false, connectTimeout: 5_000, retryStrategy: () => null },
      }),
    worker: (name, processor, rest) =>
      new Worker(name, processor, { ...rest, connection: { url, maxRetriesPerRequest: null, connectTimeout: 5_000 } }),
  };
}
