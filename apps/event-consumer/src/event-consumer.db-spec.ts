import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { loadConfig } from '@quayside/config';
import { newId } from '@quayside/domain';
import type { Envelope } from '@quayside/events';
import { createLog, createMetrics } from '@quayside/observability';
import { openQueue, runQueueMigrations, type EventPublisher } from '@quayside/queue';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { EventConsumerModule } from './event-consumer.module.js';

const tenantId = newId();
const accountId = newId();

function aTransfer(bytes: number): Envelope {
  const at = new Date().toISOString();
  return {
    id: newId(),
    type: 'transfer.completed',
    v: 1,
    at,
    tenantId,
    accountId,
    sessionId: newId(),
    node: 'n',
    worker: 'w',
    data: {
      remoteAddress: '192.0.2.1',
      protocol: 'ftp',
      clientName: null,
      transferId: newId(),
      account: 'bob',
      spaceId: newId(),
      direction: 'upload',
      verb: 'STOR',
      path: '/a',
      bytes,
      fileBytes: bytes,
      sha256: null,
      startedAt: at,
      finishedAt: at,
      dataTls: false,
      delta: null,
    },
  };
}

describe('the event consumer', () => {
  let database: TestDatabase;
  let app: TestingModule;
  let publisher: EventPublisher;
  let dataDir: string;
  let watcher: Client;

  /** Resolves when the query gives true; asked again whenever the log grows. */
  async function until(sql: string, values: unknown[]): Promise<void> {
    for (;;) {
      const { rows } = await watcher.query<{ done: boolean }>(sql, values);
      if (rows[0]?.done === true) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  beforeAll(async () => {
    database = await startTestDatabase();
    watcher = new Client({ connectionString: database.url });
    await watcher.connect();
    await runQueueMigrations(watcher);
    dataDir = mkdtempSync(join(tmpdir(), 'quayside-consumer-'));
    const config = loadConfig({ DATABASE_URL: database.url, DATA_DIR: dataDir });
    const log = createLog({ app: 'test', level: 'fatal' });
    const module = EventConsumerModule.forRoot(config, log, createMetrics({ app: 'test' }));
    app = await Test.createTestingModule({ imports: [module] }).compile();
    await app.init();
    publisher = openQueue({ url: database.url, role: 'quayside_worker', log }).publisher();
  }, 60_000);

  afterAll(async () => {
    await publisher.close();
    await app.close();
    await watcher.end();
    await database.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  it('writes log, transfers and usage once, however often an event comes', async () => {
    const events = [aTransfer(10), aTransfer(5)];
    const marker = aTransfer(1);
    await publisher.publish(events);
    await publisher.publish([...events].toReversed());
    await publisher.publish([events[0]!, marker]);
    await until('SELECT count(*) = 1 AS done FROM event WHERE id = $1', [marker.id]);
    await until('SELECT count(*) = 3 AS done FROM event WHERE tenant_id = $1', [tenantId]);
    await until(`SELECT count(*) = 0 AS done FROM bullmq.job WHERE state NOT IN ('completed')`, []);
    const { rows } = await watcher.query(
      `SELECT (SELECT count(*)::int FROM transfer_log WHERE tenant_id = $1) AS transfers,
         (SELECT sum(uploads)::int FROM usage_hourly WHERE tenant_id = $1) AS uploads,
         (SELECT sum(bytes_up)::int FROM usage_hourly WHERE tenant_id = $1) AS bytes`,
      [tenantId],
    );
    expect(rows).toEqual([{ transfers: 3, uploads: 3, bytes: 16 }]);
  }, 30_000);

  it('moves the outbox into the log', async () => {
    const event = { ...aTransfer(0), type: 'unknown.yet', tenantId: null, accountId: null };
    await watcher.query('INSERT INTO outbox (id, event) VALUES ($1, $2)', [event.id, JSON.stringify(event)]);
    await until('SELECT count(*) = 1 AS done FROM event WHERE id = $1', [event.id]);
    await until('SELECT count(*) = 0 AS done FROM outbox', []);
    const { rows } = await watcher.query('SELECT type, data FROM event WHERE id = $1', [event.id]);
    expect(rows).toEqual([{ type: 'unknown.yet', data: event.data }]);
  }, 30_000);
});
