import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventLogWriter } from '@quayside/database';
import { newId } from '@quayside/domain';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi, type TenantFixture } from '../testing/api-fixture.js';

let api: ApiFixture;
let acme: TenantFixture;
let other: TenantFixture;
let writer: EventLogWriter;

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
  other = await aTenant(api, 'other');
  writer = new EventLogWriter(api.testDatabase.open('quayside_consumer'));
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

interface Message {
  readonly id: string | undefined;
  readonly event: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- specs look into messages of every shape
  readonly data: any;
}

/** A client of the stream, as a browser is one. */
async function connect(lastEventId?: string, key = acme.viewer) {
  const abort = new AbortController();
  const response = await fetch(`${api.url}/v1/tenants/acme/stream`, {
    headers: {
      authorization: `Bearer ${key}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
    signal: abort.signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const next = async (): Promise<Message> => {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end === -1) {
        const { value, done } = await reader.read();
        if (done) throw new Error('the stream has ended');
        text += value;
        continue;
      }
      const block = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string) => block.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const event = field('event');
      if (event !== undefined) return { id: field('id'), event, data: JSON.parse(field('data') ?? 'null') };
    }
  };
  const nextEvent = async (): Promise<Message> => {
    for (;;) {
      const message = await next();
      if (message.event !== 'sessions') return message;
    }
  };
  return { response, next, nextEvent, close: () => abort.abort() };
}

async function happen(tenantId: string, type = 'file.deleted', at = new Date()): Promise<string> {
  const about = { v: 1, accountId: null, sessionId: null, node: 'n', worker: 'w', data: {} };
  const event = { id: newId(), at: at.toISOString(), type, tenantId, ...about };
  await writer.applyEvents([{ event }]);
  return event.id;
}

describe('the live stream', () => {
  it('begins with the live sessions and brings events of the tenant as they are written, and no others', async () => {
    const client = await connect();
    expect(client.response.headers.get('content-type')).toContain('text/event-stream');
    expect(await client.next()).toEqual({ id: undefined, event: 'sessions', data: { items: [], complete: true } });
    // The first events may come before the process listens.
    await listening();
    await happen(other.id);
    const id = await happen(acme.id);
    expect(await client.nextEvent()).toMatchObject({ id, event: 'event', data: { id, type: 'file.deleted' } });
    client.close();
  });

  it('brings what was missed to a client that says what it has seen', async () => {
    const [first, second, third] = [await happen(acme.id), await happen(acme.id), await happen(acme.id)];
    const client = await connect(first);
    const seen: (string | undefined)[] = [];
    while (seen.at(-1) !== third) seen.push((await client.nextEvent()).id);
    expect(seen.slice(-2)).toEqual([second, third]);
    expect(seen).not.toContain(first);
    client.close();
    const stranger = await connect(newId());
    expect((await stranger.nextEvent()).event).toBe('gap');
    stranger.close();
  });

  it('is refused to another tenant, and bounded', async () => {
    expect((await connect(undefined, other.viewer)).response.status).toBe(404);
    const clients = await Promise.all(Array.from({ length: 22 }, () => connect()));
    const refused = clients.filter(({ response }) => response.status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(2);
    for (const { close } of clients) close();
  });
});

/** Resolves when the API's LISTEN connection is there. */
async function listening(): Promise<void> {
  for (;;) {
    const { rows } = await api.database.pool.query(
      `SELECT 1 FROM pg_stat_activity WHERE application_name = 'quayside api streams' AND datname = current_database() AND query ~ '^(LISTEN|SELECT 1)'`,
    );
    if (rows.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
