import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  EventLogWriter,
  WebhookDeliveryRepository,
  WebhookEndpointRepository,
  WebhookQueueRepository,
} from '@quayside/database';
import { newId } from '@quayside/domain';
import { createLog, createMetrics } from '@quayside/observability';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import type { AddressInfo } from 'node:net';
import { backoffMs } from './backoff.js';
import { DeliveryWorker, type DeliveryWorkerOptions } from './delivery-worker.js';

interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const log = createLog({ app: 'test', level: 'fatal' });

let database: TestDatabase;
let writer: EventLogWriter;
let endpoints: WebhookEndpointRepository;
let deliveries: WebhookDeliveryRepository;
let receiver: Server;
let received: Received[];
/** What the receiver answers; a status, or nothing at all. */
let answer: (request: Received) => { status: number; headers?: Record<string, string> } | 'hang';
let url: string;
let tenantId: string;
let workers: DeliveryWorker[] = [];

beforeAll(async () => {
  database = await startTestDatabase();
  writer = new EventLogWriter(database.open('quayside_consumer'));
  const api = database.open('quayside_api');
  endpoints = new WebhookEndpointRepository(api);
  deliveries = new WebhookDeliveryRepository(api);
  receiver = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const got = { path: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString() };
      received.push(got);
      const reply = answer(got);
      if (reply !== 'hang') response.writeHead(reply.status, reply.headers).end('thanks\0');
    })();
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
}, 60_000);
afterAll(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await database.stop();
});

beforeEach(async () => {
  received = [];
  answer = () => ({ status: 204 });
  await database.database.pool.query('DELETE FROM webhook_endpoint');
  tenantId = newId();
  await database.database.pool.query('INSERT INTO tenant (id, slug, name, updated_at) VALUES ($1, $2, $2, now())', [
    tenantId,
    `t${tenantId.slice(-12)}`,
  ]);
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop(0)));
  workers = [];
});

function start(options: Partial<DeliveryWorkerOptions> = {}): DeliveryWorker {
  const worker = new DeliveryWorker({
    queue: new WebhookQueueRepository(database.open('quayside_consumer')),
    policy: { allowPrivate: true },
    log,
    metrics: createMetrics({ app: 'test' }),
    backoff: () => 20,
    ...options,
  });
  workers.push(worker);
  worker.start();
  return worker;
}

function wake(): void {
  for (const worker of workers) worker.wake();
}

function anEndpoint(path: string, eventTypes: string[] = []) {
  const row = { id: newId(), url: url + path, description: '', eventTypes, enabled: true, secret };
  return endpoints.insert(database.database, tenantId, row);
}

async function happen(type: string, accountId: string | null = null, count = 1): Promise<string[]> {
  const events = Array.from({ length: count }, (_value, n) => ({
    event: {
      id: newId(),
      at: new Date().toISOString(),
      type,
      v: 1,
      tenantId,
      accountId,
      sessionId: null,
      node: 'n',
      worker: 'w',
      data: { n },
    },
  }));
  await writer.applyEvents(events);
  return events.map(({ event }) => event.id);
}

async function until<T>(read: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (done(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function settled(endpointId: string, status: string, count: number) {
  return until(
    () => deliveries.list(tenantId, endpointId, { status }, null, 100),
    (rows) => rows.length >= count,
  );
}

async function lanes(): Promise<number> {
  const { rows } = await database.database.pool.query('SELECT count(*) AS count FROM webhook_lane');
  return Number(rows[0].count);
}

const idsOf = (path: string) => received.filter((got) => got.path === path).map((got) => got.headers['webhook-id']);

describe('the webhook delivery worker', () => {
  it('sends an event of the log once, signed, to each endpoint whose filter takes it', async () => {
    const [all, some, none] = [
      await anEndpoint('/all'),
      await anEndpoint('/some', ['file.*']),
      await anEndpoint('/none', ['login.failed']),
    ];
    const [id] = await happen('file.deleted');
    start();
    await settled(all.id, 'delivered', 1);
    await settled(some.id, 'delivered', 1);
    await until(lanes, (count) => count === 0);
    expect(received.map((got) => got.path).toSorted()).toEqual(['/all', '/some']);
    expect(await deliveries.list(tenantId, none.id, {}, null, 10)).toEqual([]);
    const got = received[0]!;
    expect(JSON.parse(got.body)).toMatchObject({ id, type: 'file.deleted', tenantId, data: { n: 0 } });
    const timestamp = got.headers['webhook-timestamp'] as string;
    const signed = createHmac('sha256', Buffer.alloc(32, 1)).update(`${id}.${timestamp}.${got.body}`).digest('base64');
    expect(got.headers).toMatchObject({ 'webhook-id': id, 'webhook-signature': `v1,${signed}` });
  });

  it('keeps the order of an account while its receiver fails, and holds up no other account', async () => {
    const endpoint = await anEndpoint('/order');
    const [slow, other] = [newId(), newId()];
    const inOrder = await happen('file.deleted', slow, 5);
    const [elsewhere] = await happen('file.deleted', other);
    let refusals = 3;
    answer = (got) => (got.headers['webhook-id'] === inOrder[0] && refusals-- > 0 ? { status: 500 } : { status: 200 });
    start();
    const rows = await settled(endpoint.id, 'delivered', 6);
    const sent = idsOf('/order');
    expect(sent.filter((id) => id !== elsewhere)).toEqual([inOrder[0], inOrder[0], inOrder[0], ...inOrder]);
    const first = rows.find((row) => row.eventId === inOrder[0])!;
    expect(first).toMatchObject({ attempts: 4, lastStatus: 200, lastError: null });
    const attempts = await deliveries.attempts(first.id, 10);
    expect(attempts.map(({ status }) => status)).toEqual([200, 500, 500, 500]);
    expect(attempts[0]!.response).toBe('thanks');
  });

  it('gives a message up after 72 hours, lists it as dead, and sends it again on request', async () => {
    const endpoint = await anEndpoint('/dead');
    const [id] = await happen('file.deleted');
    await database.database.pool.query(`UPDATE webhook_delivery SET created_at = now() - interval '73 hours'`);
    answer = () => ({ status: 500 });
    start();
    const [dead] = await settled(endpoint.id, 'dead', 1);
    expect(dead).toMatchObject({ eventId: id, attempts: 1, lastError: 'answered 500' });
    answer = () => ({ status: 200 });
    expect(await deliveries.replay(database.database, tenantId, endpoint.id, { eventIds: [id!] }, 10)).toEqual({
      queued: 1,
      continueFrom: null,
    });
    wake();
    const [again] = await settled(endpoint.id, 'delivered', 1);
    expect(again).toMatchObject({ eventId: id, origin: 'replay' });
  });

  /** Lets the time pass until the lane is due, for the lane and the age of its messages; resolves to how long, seconds. */
  async function passTime(): Promise<number> {
    const [row] = await until(
      async () => (await database.database.pool.query<{ wait: number }>(WAITING)).rows,
      (rows) => rows.length === 1,
    );
    await database.database.pool.query(
      `UPDATE webhook_delivery SET created_at = created_at - interval '1 second' * $1`,
      [row!.wait],
    );
    await database.database.pool.query('UPDATE webhook_lane SET due_at = now()');
    wake();
    return row!.wait;
  }
  const WAITING = `SELECT round(extract(epoch FROM due_at - now()))::int AS wait FROM webhook_lane
                   WHERE claim IS NULL AND due_at > now() + interval '1 second'`;

  it('waits longer after each failure for three days, and then no more', async () => {
    const endpoint = await anEndpoint('/three-days');
    const [id] = await happen('file.deleted');
    answer = () => ({ status: 503 });
    start({ backoff: (failures, asked) => backoffMs(failures, asked, 0.5) });
    const waits: number[] = [];
    for (;;) {
      const found = await until(
        () => deliveries.list(tenantId, endpoint.id, {}, null, 1),
        ([row]) => row!.attempts > waits.length,
      );
      // The log of the requests is written before the verdict on the message's age, and that before the lane waits.
      const [, dead] = await until(
        async () => [
          (await database.database.pool.query(WAITING)).rows.length,
          (await deliveries.list(tenantId, endpoint.id, { status: 'dead' }, null, 1)).length,
        ],
        ([waiting, givenUp]) => waiting === 1 || givenUp === 1,
      );
      if (dead === 1) break;
      expect(found).toHaveLength(1);
      waits.push(await passTime());
    }
    expect(waits.slice(0, 9)).toEqual([5, 30, 120, 600, 1800, 3600, 7200, 14400, 21600]);
    expect(new Set(waits.slice(8))).toEqual(new Set([21600]));
    const hours = waits.reduce((sum, wait) => sum + wait, 0) / 3600;
    expect(hours).toBeGreaterThan(72);
    expect(hours).toBeLessThanOrEqual(78);
    expect(new Set(idsOf('/three-days'))).toEqual(new Set([id]));
  });

  it('goes on in order with a receiver that comes back', async () => {
    const endpoint = await anEndpoint('/back');
    const ids = await happen('file.deleted', newId(), 3);
    answer = () => ({ status: 503 });
    start({ backoff: (failures, asked) => backoffMs(failures, asked, 0.5) });
    await passTime();
    await until(
      () => Promise.resolve(received.length),
      (count) => count === 2,
    );
    answer = () => ({ status: 200 });
    expect(await passTime()).toBe(30);
    await settled(endpoint.id, 'delivered', 3);
    expect(idsOf('/back')).toEqual([ids[0], ids[0], ...ids]);
  });

  it('sends again, under the same id and in order, what a process had sent that was killed before it wrote so down', async () => {
    const endpoint = await anEndpoint('/killed');
    const account = newId();
    const ids = await happen('file.deleted', account, 3);
    // A killed process writes nothing more: from its second request on, its statements reach no database.
    const its = database.open('quayside_consumer');
    answer = (got) => {
      if (got.headers['webhook-id'] === ids[1]) void its.close();
      return { status: 200 };
    };
    start({ queue: new WebhookQueueRepository(its) });
    await until(
      () => Promise.resolve(received.length),
      (count) => count === 2,
    );
    // PostgreSQL still carries out what it had been sent; a claim among that would take the lane, were it due by then.
    await its.close();
    const heir = new WebhookQueueRepository(database.open('quayside_consumer'));
    // Its claim holds until it runs out.
    expect(await heir.claim(newId(), 60_000, { endpoints: [], tenants: [] })).toBeNull();
    start({ queue: heir });
    expect(await settled(endpoint.id, 'delivered', 1)).toMatchObject([{ eventId: ids[0] }]);
    await database.database.pool.query('UPDATE webhook_lane SET due_at = now()');
    wake();
    await settled(endpoint.id, 'delivered', 3);
    expect(idsOf('/killed')).toEqual([ids[0], ids[1], ids[1], ids[2]]);
  });

  it('replays a time range in bounded steps, through the filter of the endpoint', async () => {
    const ids = await happen('file.deleted', null, 3);
    await happen('login.failed');
    const endpoint = await anEndpoint('/range', ['file.*']);
    const range = { from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 60_000), eventTypes: ['file.*'] };
    const first = await deliveries.replay(database.database, tenantId, endpoint.id, range, 2);
    expect(first.queued).toBe(2);
    expect(first.continueFrom).toBeInstanceOf(Date);
    const all = await deliveries.replay(database.database, tenantId, endpoint.id, range, 100);
    expect(all).toEqual({ queued: 3, continueFrom: null });
    start();
    await settled(endpoint.id, 'delivered', 5);
    expect(new Set(idsOf('/range'))).toEqual(new Set(ids));
  });

  it('follows no redirect, and switches off an endpoint that says it is gone', async () => {
    const endpoint = await anEndpoint('/gone');
    answer = () => ({ status: 302, headers: { location: `${url}/elsewhere` } });
    await happen('file.deleted');
    start();
    await until(
      () => deliveries.list(tenantId, endpoint.id, {}, null, 1),
      ([row]) => row?.lastStatus === 302,
    );
    answer = () => ({ status: 410 });
    const off = await until(
      () => endpoints.find(tenantId, endpoint.id),
      (found) => found?.enabled === false,
    );
    expect(off!.disabledReason).toContain('410');
    expect(received.every((got) => got.path === '/gone')).toBe(true);
    await happen('file.deleted');
    expect(await deliveries.list(tenantId, endpoint.id, {}, null, 10)).toHaveLength(1);
  });

  it('refuses loopback unless the operator allows it, and says so in the log', async () => {
    const endpoint = await anEndpoint('/private');
    await database.database.pool.query(`UPDATE webhook_endpoint SET url = 'https://127.0.0.1/'`);
    await happen('file.deleted');
    start({ policy: { allowPrivate: false } });
    const [row] = await until(
      () => deliveries.list(tenantId, endpoint.id, {}, null, 1),
      ([found]) => (found?.attempts ?? 0) > 0,
    );
    expect(row).toMatchObject({ status: 'pending', lastStatus: null, lastError: 'the host has no public address' });
    expect(received).toEqual([]);
  });

  it('gives up on a receiver that does not answer, and sends the others meanwhile', async () => {
    const [hanging, healthy] = [await anEndpoint('/hang'), await anEndpoint('/healthy')];
    answer = (got) => (got.path === '/hang' ? 'hang' : { status: 200 });
    for (let n = 0; n < 40; n++) await happen('file.deleted', newId());
    // What fails is soon tried again: where this process stands still for 200 ms, a healthy one too has given no answer.
    start({ timeoutMs: 200 });
    await settled(healthy.id, 'delivered', 40);
    const [row] = await until(
      () => deliveries.list(tenantId, hanging.id, {}, null, 100),
      (rows) => rows.every(({ attempts }) => attempts > 0),
    );
    expect(row!.lastError).toBe('no answer within 0.2 seconds');
  });

  it('shares the work of many accounts between processes without sending anything twice', async () => {
    const endpoint = await anEndpoint('/shared');
    for (let n = 0; n < 20; n++) await happen('file.deleted', newId(), 3);
    const first = start();
    start();
    await settled(endpoint.id, 'delivered', 60);
    await until(lanes, (count) => count === 0);
    await first.stop(1_000);
    expect(idsOf('/shared')).toHaveLength(60);
    expect(new Set(idsOf('/shared')).size).toBe(60);
  });

  it('signs with both secrets after a rotation', async () => {
    const endpoint = await anEndpoint('/rotated');
    const next = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;
    await endpoints.rotate(database.database, tenantId, endpoint.id, next, 60);
    await happen('file.deleted');
    start();
    await settled(endpoint.id, 'delivered', 1);
    const { headers, body } = received[0]!;
    const signed = (fill: number) =>
      `v1,${createHmac('sha256', Buffer.alloc(32, fill))
        .update(`${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`)
        .digest('base64')}`;
    expect(headers['webhook-signature']).toBe(`${signed(2)} ${signed(1)}`);
  });
});
