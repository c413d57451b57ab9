import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Database, NodesRepository, QuotaLedgerRepository, RecountRepository } from '@quayside/database';
import { newId } from '@quayside/domain';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi, type TenantFixture } from '../testing/api-fixture.js';

let api: ApiFixture;
let acme: TenantFixture;
let other: TenantFixture;
let worker: Database;
let recounts: RecountRepository;
const workerId = newId();

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
  other = await aTenant(api, 'other');
  // With the worker's rights: a missing grant fails here, not in production.
  worker = api.testDatabase.open('quayside_worker', 2);
  recounts = new RecountRepository(worker);
  const nodes = new NodesRepository(worker);
  const { id: nodeId } = await nodes.registerNode({ id: newId(), name: 'n', version: '0' });
  const ports = { ftp: 1, ftps: 0, passive: { first: 2, last: 3 } };
  await nodes.registerWorker({ id: workerId, nodeId, slot: 0, pid: 1, ports });
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

async function aSpace(tenant: TenantFixture, name: string): Promise<string> {
  const { body } = await api.call('POST', `/v1/tenants/${tenant.slug}/spaces`, { body: { name } });
  return body.id;
}

const start = (body: object, tenant = acme, key = acme.admin) =>
  api.call('POST', `/v1/tenants/${tenant.slug}/recounts`, { key, body });
const read = async (id: string) =>
  (await api.call('GET', `/v1/tenants/acme/recounts/${id}`, { key: acme.viewer })).body;

/** What a live worker takes next. */
const claim = () => recounts.claim(workerId);

const size = (bytes: number, files: number) => ({ bytes, files });

describe('a recount', () => {
  it('of a space is asked for, counted and told', async () => {
    const space = await aSpace(acme, 'one');
    const { status, body } = await start({ space });
    expect([status, body.status, body.spaces]).toMatchObject([202, 'waiting', { total: 1, open: 1 }]);
    const claimed = await claim();
    expect(claimed).toMatchObject({ recountId: body.id, id: space, tenantId: acme.id, repair: false });
    expect(await recounts.claim(newId())).toBeNull();
    await recounts.finish();
    expect(await read(body.id)).toMatchObject({ status: 'running', results: [{ verdict: 'counting', drift: null }] });
    await recounts.settle(workerId, claimed!, { verdict: 'drift', ledger: size(0, 0), stored: size(70, 2) });
    await recounts.finish();
    const done = await read(body.id);
    expect(done).toMatchObject({ status: 'finished', spaces: { total: 1, open: 0, drift: 1 }, truncated: false });
    expect(done.results).toMatchObject([{ space, name: 'one', verdict: 'drift', drift: size(70, 2) }]);
    // Nothing was repaired.
    expect(await new QuotaLedgerRepository(worker).balance(space, null)).toMatchObject(size(0, 0));
    const { rows } = await api.database.pool.query(`SELECT event FROM outbox WHERE event->>'type' = 'space.recounted'`);
    expect(rows.map(({ event }) => event.data)).toEqual([
      { recountId: body.id, spaceId: space, ledger: size(0, 0), stored: size(70, 2), repaired: false },
    ]);
  });

  it('repairs on command, once, space and tenant', async () => {
    const space = await aSpace(acme, 'two');
    const { body } = await start({ space, repair: true });
    const claimed = await claim();
    const outcome = { verdict: 'drift', ledger: size(0, 0), stored: size(50, 1) } as const;
    await recounts.settle(workerId, claimed!, outcome);
    await recounts.settle(workerId, claimed!, outcome);
    await recounts.finish();
    expect(await read(body.id)).toMatchObject({ status: 'finished', results: [{ verdict: 'repaired' }] });
    const { space: ledger, tenant } = await new QuotaLedgerRepository(worker).state(acme.id, space);
    expect([ledger.bytesUsed, ledger.filesUsed, tenant.bytesUsed, tenant.filesUsed]).toEqual([50, 1, 50, 1]);
  });

  it('of a tenant counts all its spaces, and what a worker that is gone had begun is taken by another', async () => {
    await aSpace(other, 'theirs');
    const { body } = await start({}, other, other.admin);
    expect(body.spaces.total).toBe(1);
    expect(await recounts.claim(newId())).toMatchObject({ recountId: body.id });
    // The one that took it has no row any more.
    const claimed = await claim();
    expect(claimed).toMatchObject({ recountId: body.id });
    await recounts.giveBack(workerId);
    await recounts.settle(workerId, (await claim())!, { verdict: 'busy', ledger: null, stored: null });
    await recounts.finish();
    const { body: done } = await api.call('GET', `/v1/tenants/other/recounts/${body.id}`, { key: other.viewer });
    expect(done).toMatchObject({ status: 'finished', results: [{ verdict: 'busy', ledger: null, drift: null }] });
  });

  it('of a tenant without spaces is finished at once', async () => {
    const empty = await aTenant(api, 'empty');
    expect((await start({}, empty, empty.admin)).body).toMatchObject({ status: 'finished', results: [] });
  });

  it('is in the audit log, in the list, and nobody else’s', async () => {
    const { body } = await api.call('GET', '/v1/tenants/acme/recounts?limit=1', { key: acme.viewer });
    expect([body.items.length, typeof body.nextCursor]).toEqual([1, 'string']);
    const { id } = body.items[0];
    const { body: audit } = await api.call('GET', `/v1/tenants/acme/audit?action=recount.start&limit=1`);
    expect(audit.items).toMatchObject([{ resource: 'recount', resourceId: id }]);
    expect((await api.call('GET', `/v1/tenants/other/recounts/${id}`)).body.code).toBe('recount.not-found');
    const cursor = await api.call('GET', `/v1/tenants/other/recounts?cursor=${body.nextCursor}`, { key: other.admin });
    expect(cursor.body.code).toBe('cursor.invalid');
  });

  it('is refused to a viewer, for a space of another tenant, and with unknown fields', async () => {
    expect((await start({}, acme, acme.viewer)).status).toBe(403);
    const foreign = await aSpace(other, 'more');
    expect((await start({ space: foreign })).body).toEqual((await start({ space: newId() })).body);
    expect((await start({ space: foreign })).body.code).toBe('space.not-found');
    expect((await start({ spaces: [] })).body.code).toBe('request.invalid');
  });
});
