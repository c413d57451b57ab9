import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { newId } from '@quayside/domain';
import type { Envelope } from '@quayside/events';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import {
  EventsRefusedError,
  openQueue,
  runQueueMigrations,
  type EventPublisher,
  type EventQueue,
  type EventWorker,
} from './index.js';

const log = { warn: () => undefined, error: () => undefined };
const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
if (!hasRedis) process.stderr.write('redis-server is not installed: the Redis half of the queue suite is skipped\n');

function anEnvelope(id = newId()): Envelope {
  return {
    id,
    type: 'session.opened',
    v: 1,
    at: new Date().toISOString(),
    tenantId: null,
    accountId: null,
    sessionId: newId(),
    node: 'n',
    worker: 'w',
    data: {},
  };
}

/** A server of the suite's own, which it may stop and start. */
interface Backend {
  url(): string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

function postgresBackend(): Backend {
  let database: TestDatabase | undefined;
  return {
    url: () => database!.url,
    async start() {
      database = await startTestDatabase();
      const client = new Client({ connectionString: database.url });
      await client.connect();
      try {
        const names = Array.from({ length: 10 }, (_value, n) => `events-${n + 1}`);
        await runQueueMigrations(client, names);
        await runQueueMigrations(client, names);
      } finally {
        await client.end();
      }
    },
    async stop() {
      await database?.stop();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function redisBackend(): Backend {
  let port = 0;
  let folder = '';
  let child: ChildProcess | undefined;
  return {
    url: () => `redis://127.0.0.1:${port}`,
    async start() {
      port ||= await freePort();
      folder = mkdtempSync(join(tmpdir(), 'quayside-redis-'));
      child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder]);
      await new Promise<void>((resolve, reject) => {
        child!.on('exit', () => reject(new Error('redis-server ended')));
        child!.stdout!.on('data', (text: Buffer) => {
          if (text.includes('Ready to accept connections')) resolve();
        });
      });
    },
    async stop() {
      if (child === undefined) return;
      const ended = new Promise((resolve) => child!.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function conformance(name: string, backend: Backend): void {
  describe(`the event queue on ${name}`, () => {
    let queue: EventQueue;
    let publisher: EventPublisher;
    const workers: EventWorker[] = [];
    let counter = 0;

    beforeAll(() => backend.start(), 60_000);
    afterAll(() => backend.stop(), 30_000);
    afterEach(async () => {
      await Promise.all(workers.splice(0).map((worker) => worker.close(2_000)));
      await publisher.close();
    });

    function open(deadlineMs?: number): void {
      queue = openQueue({
        url: backend.url(),
        role: 'quayside_consumer',
        log,
        queueName: `events-${++counter}`,
        deadlineMs,
      });
      publisher = queue.publisher();
    }

    function consume(apply: (events: readonly unknown[]) => Promise<void>): void {
      const worker = queue.worker({ apply });
      workers.push(worker);
      worker.start();
    }

    it('delivers every event of a large publish, in batches of at most 500', async () => {
      open();
      const sent = Array.from({ length: 1_200 }, () => anEnvelope());
      const seen: string[] = [];
      const sizes: number[] = [];
      const all = new Promise<void>((resolve) => {
        consume(async (events) => {
          sizes.push(events.length);
          seen.push(...events.map((event) => (event as Envelope).id));
          if (seen.length === sent.length) resolve();
        });
      });
      await publisher.publish(sent);
      await all;
      expect(seen.toSorted()).toEqual(sent.map((event) => event.id).toSorted());
      expect(Math.max(...sizes)).toBeLessThanOrEqual(500);
    });

    it('adds the same batch once', async () => {
      open();
      const batch = [anEnvelope(), anEnvelope()];
      await publisher.publish(batch);
      await publisher.publish(batch);
      expect((await publisher.counts())['waiting']).toBe(1);
    });

    it('tells which jobs it still has to work on, and takes the events of another in a later round', async () => {
      open();
      const batch = [anEnvelope(), anEnvelope()];
      const [first] = await publisher.publish(batch);
      expect(first!.eventIds).toEqual(batch.map(({ id }) => id));
      expect(await publisher.queued([first!.jobId, 'batch-none'])).toEqual(new Set([first!.jobId]));
      let applied = 0;
      const done = new Promise<void>((resolve) => {
        consume(async () => {
          if (++applied === 2) resolve();
        });
      });
      while ((await publisher.queued([first!.jobId])).size > 0);
      // The queue remembers the finished job, so that the same one would be taken for it.
      const [second] = await publisher.publish(batch, 1);
      expect(second!.jobId).not.toBe(first!.jobId);
      await done;
    });

    it('delivers a batch again after a failed attempt', async () => {
      open();
      let attempts = 0;
      const done = new Promise<void>((resolve) => {
        consume(async () => {
          if (++attempts === 1) throw new Error('not yet');
          resolve();
        });
      });
      await publisher.publish([anEnvelope()]);
      await done;
      expect(attempts).toBe(2);
    });

    it('finishes the running batch when it is closed', async () => {
      open();
      let finish: (() => void) | undefined;
      let finished = false;
      const started = new Promise<void>((resolve) => {
        consume(async () => {
          resolve();
          await new Promise<void>((release) => (finish = release));
          finished = true;
        });
      });
      await publisher.publish([anEnvelope()]);
      await started;
      const closing = workers.splice(0)[0]!.close(5_000);
      finish!();
      await closing;
      expect(finished).toBe(true);
      expect(await publisher.counts()).toMatchObject({ waiting: 0, active: 0 });
    });
  });
}

conformance('PostgreSQL', postgresBackend());
(hasRedis ? conformance : () => undefined)('Redis', redisBackend());

describe('a queue on PostgreSQL', () => {
  it('tells content that it can never take from a moment when it takes nothing', async () => {
    const backend = postgresBackend();
    await backend.start();
    const publisher = openQueue({
      url: backend.url(),
      role: 'quayside_worker',
      log,
      queueName: 'events-1',
    }).publisher();
    try {
      await expect(publisher.publish([{ ...anEnvelope(), data: { name: 'a\0b' } }])).rejects.toThrow(
        EventsRefusedError,
      );
      await publisher.publish([anEnvelope()]);
    } finally {
      await publisher.close();
      await backend.stop();
    }
  }, 60_000);
});

describe('a queue that is away', () => {
  it('rejects a publish and takes it once the backend is there', async () => {
    if (!hasRedis) return;
    const redis = redisBackend();
    await redis.start();
    const queue = openQueue({ url: redis.url(), log, queueName: 'events', deadlineMs: 2_000 });
    const publisher = queue.publisher();
    const batch = [anEnvelope()];
    await redis.stop();
    await expect(publisher.publish(batch)).rejects.toThrow('ECONNREFUSED');
    await redis.start();
    await publisher.publish(batch);
    expect((await publisher.counts())['waiting']).toBe(1);
    await publisher.close();
    await redis.stop();
  }, 30_000);

  it('rejects for a PostgreSQL that refuses connections, and for a URL of neither kind', async () => {
    const queue = openQueue({ url: `postgres://nobody@127.0.0.1:${await freePort()}/none`, log, deadlineMs: 2_000 });
    const publisher = queue.publisher();
    await expect(publisher.publish([anEnvelope()])).rejects.toThrow('ECONNREFUSED');
    await publisher.close();
    expect(() => openQueue({ url: 'mysql://x', log })).toThrow('QUEUE_URL');
  }, 30_000);
});
