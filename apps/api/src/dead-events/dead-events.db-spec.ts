import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi } from '../testing/api-fixture.js';

let api: ApiFixture;

beforeAll(async () => {
  api = await startApi();
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

async function set(id: string, part: string, content: string): Promise<void> {
  await api.database.rows(
    {
      name: `dead-${id}-${part}`,
      text: `INSERT INTO dead_event (id, part, type, at, source, fault, content) VALUES ($1, $2, 'a.b', now(), 'queue', 'no', $3)`,
    },
    [id, part, content],
  );
}

describe('dead events', () => {
  it('are listed, tried again through the outbox, and removed', async () => {
    const [first, second] = [newId(), newId()];
    await set(first, 'event', '{"id":1}');
    await set(first, 'ledger', '{"bytes":1}');
    await set(second, 'event', '{"name":"\\u0000"}');
    const page = await api.call('GET', '/v1/dead-events?limit=2');
    expect(page.status).toBe(200);
    const rest = await api.call('GET', `/v1/dead-events?limit=2&cursor=${page.body.nextCursor}`);
    expect([...page.body.items, ...rest.body.items]).toHaveLength(3);
    expect(rest.body.items[0]).toMatchObject({ id: first, fault: 'no', source: 'queue' });

    expect((await api.call('POST', `/v1/dead-events/${first}/retry`, { body: {} })).status).toBe(204);
    const rows = await api.database.rows({ name: 'x', text: `SELECT event FROM outbox WHERE id = $1` }, [first]);
    expect(rows).toEqual([{ event: { id: 1 } }]);
    expect((await api.call('POST', `/v1/dead-events/${first}/retry`, { body: {} })).body.code).toBe(
      'dead-event.not-found',
    );
    expect((await api.call('POST', `/v1/dead-events/${second}/retry`, { body: {} })).body.code).toBe(
      'dead-event.not-retryable',
    );

    expect((await api.call('DELETE', `/v1/dead-events/${first}?part=ledger`)).status).toBe(204);
    expect((await api.call('DELETE', `/v1/dead-events/${second}`)).status).toBe(204);
    expect((await api.call('DELETE', '/v1/dead-events/x')).status).toBe(404);
    expect((await api.call('GET', '/v1/dead-events')).body.items).toEqual([]);
  });

  it('are the platform’s business', async () => {
    const acme = await aTenant(api, 'acme');
    expect((await api.call('GET', '/v1/dead-events', { key: acme.admin })).status).toBe(403);
  });
});
