import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi, type TenantFixture } from '../testing/api-fixture.js';

let api: ApiFixture;
let acme: TenantFixture;
let other: TenantFixture;

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
  other = await aTenant(api, 'other');
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

const hooks = '/v1/tenants/acme/webhooks';

async function aWebhook(body: object = {}) {
  const answer = await api.call('POST', hooks, {
    key: acme.admin,
    body: { url: 'https://hooks.example/in', ...body },
  });
  expect(answer.status).toBe(201);
  return answer.body;
}

async function addEvent(at: Date): Promise<string> {
  const id = newId();
  await api.database.prisma.event.create({
    data: { id, at, type: 'file.deleted', v: 1, tenantId: acme.id, data: {} },
  });
  return id;
}

describe('webhooks', () => {
  it('shows the secret when the webhook is made and when it is rotated, and never else', async () => {
    const { secret, ...webhook } = await aWebhook({ eventTypes: ['transfer.*'] });
    expect(Buffer.from(secret.replace('whsec_', ''), 'base64')).toHaveLength(32);
    const read = await api.call('GET', `${hooks}/${webhook.id}`, { key: acme.viewer });
    expect(read.body).toEqual(webhook);
    const rotated = await api.call('POST', `${hooks}/${webhook.id}/rotate-secret`, { key: acme.admin, body: {} });
    expect(rotated.status).toBe(200);
    expect(rotated.body.secret).not.toBe(secret);
    expect(Date.parse(rotated.body.previousSecretExpiresAt)).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    const { body: audit } = await api.call('GET', `/v1/tenants/acme/audit?resourceId=${webhook.id}`);
    expect(audit.items.map((entry: { action: string }) => entry.action)).toEqual([
      'webhook.rotate-secret',
      'webhook.create',
    ]);
    expect(JSON.stringify(audit)).not.toContain('whsec_');
  });

  it.each([
    ['http', { url: 'http://hooks.example/' }, 'url'],
    ['another scheme', { url: 'ftp://hooks.example/' }, 'url'],
    ['a password in the address', { url: 'https://a:b@hooks.example/' }, 'url'],
    ['an unknown event type', { eventTypes: ['file.eaten'] }, 'eventTypes.0'],
    ['an unknown field', { secret: 'mine' }, 'secret'],
  ])('refuses %s by name', async (_what, change, field) => {
    const body = { url: 'https://hooks.example/', ...change };
    const answer = await api.call('POST', hooks, { key: acme.admin, body });
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0].field).toBe(field);
  });

  it('is changed by merge patch under its ETag, and belongs to its tenant', async () => {
    const webhook = await aWebhook();
    const path = `${hooks}/${webhook.id}`;
    const changed = await api.call('PATCH', path, {
      key: acme.admin,
      body: { enabled: false, eventTypes: ['login.failed'] },
      headers: { 'if-match': '"1"' },
    });
    expect(changed.body).toMatchObject({ enabled: false, eventTypes: ['login.failed'], version: 2 });
    const late = await api.call('PATCH', path, { key: acme.admin, body: {}, headers: { 'if-match': '"1"' } });
    expect(late.status).toBe(412);
    expect((await api.call('PATCH', path, { key: acme.viewer, body: {} })).status).toBe(403);
    const foreign = `/v1/tenants/other/webhooks/${webhook.id}`;
    for (const [method, at] of [
      ['GET', foreign],
      ['PATCH', foreign],
      ['DELETE', foreign],
      ['GET', `${foreign}/deliveries`],
      ['POST', `${foreign}/test`],
      ['POST', `${foreign}/rotate-secret`],
    ] as const) {
      const answer = await api.call(method, at, { key: other.admin, ...(method === 'GET' ? {} : { body: {} }) });
      expect([method, at, answer.body.code]).toEqual([method, at, 'webhook.not-found']);
    }
    expect((await api.call('DELETE', path, { key: acme.admin })).status).toBe(204);
    expect((await api.call('GET', path, { key: acme.admin })).status).toBe(404);
  });

  it('queues tests and replays, and pages through the deliveries', async () => {
    const webhook = await aWebhook({ eventTypes: ['file.*'] });
    const path = `${hooks}/${webhook.id}`;
    const tested = await api.call('POST', `${path}/test`, { key: acme.admin, body: {} });
    expect(tested).toMatchObject({ status: 202, body: { status: 'pending', origin: 'test', attempts: 0 } });
    const ids = [];
    for (let n = 0; n < 3; n++) ids.push(await addEvent(new Date(Date.UTC(2026, 10, 1, 0, n))));
    const range = { from: '2026-11-01T00:00:00Z', to: '2026-11-01T00:02:00Z' };
    const replayed = await api.call('POST', `${path}/replay`, { key: acme.admin, body: range });
    expect(replayed).toMatchObject({ status: 202, body: { queued: 2, continueFrom: null } });
    const byId = await api.call('POST', `${path}/replay`, { key: acme.admin, body: { eventIds: [ids[2]] } });
    expect(byId.body.queued).toBe(1);
    const one = await api.call('GET', `${path}/deliveries/${tested.body.id}`, { key: acme.viewer });
    expect(one.body).toEqual({ ...tested.body, log: [] });

    const seen = [];
    let cursor = '';
    do {
      const { body } = await api.call('GET', `${path}/deliveries?limit=2${cursor}`, { key: acme.viewer });
      seen.push(...body.items);
      cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '');
    expect(seen.map((delivery) => delivery.eventId)).toEqual([ids[2], ids[1], ids[0], tested.body.eventId]);
    const again = await api.call('POST', `${path}/deliveries/${seen[0].id}/replay`, { key: acme.admin, body: {} });
    expect(again.body.queued).toBe(1);
    const dead = await api.call('GET', `${path}/deliveries?status=dead`, { key: acme.viewer });
    expect(dead.body.items).toEqual([]);
  });

  it.each([
    [{}],
    [{ from: '2026-11-01T00:00:00Z' }],
    [{ eventIds: [] }],
    [{ eventIds: [newId()], from: '2026-11-01T00:00:00Z', to: '2026-11-02T00:00:00Z' }],
  ])('refuses the replay of %j', async (body) => {
    const webhook = await aWebhook();
    const answer = await api.call('POST', `${hooks}/${webhook.id}/replay`, { key: acme.admin, body });
    expect(answer.body.code).toBe('request.invalid');
  });

  it('bounds how many webhooks a tenant has', async () => {
    const call = { key: other.admin, body: { url: 'https://hooks.example/' } };
    const calls = Array.from({ length: 25 }, () => api.call('POST', '/v1/tenants/other/webhooks', call));
    const answers = await Promise.all(calls);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20);
    expect(answers.filter(({ body }) => body.code === 'webhook.limit-reached')).toHaveLength(5);
  });
});
