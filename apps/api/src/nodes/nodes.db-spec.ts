import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NodesRepository } from '@quayside/database';
import { newId } from '@quayside/domain';
import { type ApiFixture, aTenant, START_TIMEOUT_MS, startApi, type TenantFixture } from '../testing/api-fixture.js';

const LOAD = {
  accepting: true,
  sessions: 0,
  transfers: 0,
  spool: 'ok' as const,
  spoolBytes: 0,
  spoolOldestSeconds: 0,
  rssBytes: 1,
};
let api: ApiFixture;
let acme: TenantFixture;
let nodes: NodesRepository;

beforeAll(async () => {
  api = await startApi();
  acme = await aTenant(api, 'acme');
  nodes = new NodesRepository(api.testDatabase.open('quayside_worker'));
}, START_TIMEOUT_MS);
afterAll(() => api.stop());

async function aNode(name: string): Promise<string> {
  const { id } = await nodes.registerNode({ id: newId(), name, version: '1.2.3' });
  await nodes.registerWorker({ id: newId(), nodeId: id, slot: 0, pid: 42, ports: { ftp: 2121 } });
  return id;
}

describe('the fleet', () => {
  it('lists nodes by name with their workers, in pages, to the platform only', async () => {
    await aNode('ftp-2');
    const id = await aNode('ftp-1');
    const first = await api.call('GET', '/v1/nodes?limit=1');
    expect(first.body.items).toMatchObject([
      { id, name: 'ftp-1', version: '1.2.3', alive: true, draining: false, sessions: 0, transfers: 0 },
    ]);
    expect(first.body.items[0].workers).toMatchObject([{ slot: 0, pid: 42, ports: { ftp: 2121 } }]);
    const second = await api.call('GET', `/v1/nodes?limit=1&cursor=${first.body.nextCursor}`);
    expect(second.body.items.map((node: { name: string }) => node.name)).toEqual(['ftp-2']);
    expect((await api.call('GET', '/v1/nodes', { key: acme.admin })).status).toBe(403);
  });

  it('drains a node and takes it back, its workers being told at their next beat and the audit log once', async () => {
    const { id } = await nodes.registerNode({ id: newId(), name: 'drained', version: '1' });
    const worker = { id: newId(), nodeId: id, slot: 0, pid: 1, ports: {} };
    await nodes.registerWorker(worker);
    const drained = await api.call('POST', `/v1/nodes/${id}/drain`, { body: {} });
    expect(drained).toMatchObject({ status: 200, body: { draining: true, state: 'draining' } });
    expect(await nodes.isDraining(worker.id)).toBe(true);
    expect(await nodes.beat(worker.id, { ...LOAD, accepting: false, sessions: 1 })).toEqual({ draining: true });
    expect((await api.call('GET', `/v1/nodes/${id}`)).body).toMatchObject({
      state: 'draining',
      workers: [{ load: { accepting: false, sessions: 1 } }],
    });
    await nodes.beat(worker.id, { ...LOAD, accepting: false });
    expect((await api.call('GET', `/v1/nodes/${id}`)).body.state).toBe('drained');
    await api.call('POST', `/v1/nodes/${id}/drain`, { body: {} });
    expect((await api.call('POST', `/v1/nodes/${id}/undrain`, { body: {} })).body.draining).toBe(false);
    expect(await nodes.beat(worker.id, LOAD)).toEqual({ draining: false });
    expect((await api.call('GET', `/v1/nodes/${id}`)).body.state).toBe('serving');
    const { body } = await api.call('GET', `/v1/audit?resourceId=${id}`);
    expect(body.items.map((entry: { action: string }) => entry.action)).toEqual(['node.undrain', 'node.drain']);
    expect((await api.call('POST', `/v1/nodes/${newId()}/drain`, { body: {} })).body.code).toBe('node.not-found');
  });

  it('forgets nodes that are gone for long, but not what is to stay drained', async () => {
    const consumer = new NodesRepository(api.testDatabase.open('quayside_consumer'));
    const [gone, kept] = [newId(), newId()];
    await nodes.registerNode({ id: gone, name: 'gone', version: '1' });
    await nodes.registerNode({ id: kept, name: 'kept', version: '1' });
    await api.database.pool.query(
      `UPDATE node SET heartbeat_at = now() - interval '2 days', draining = id = $1 WHERE id IN ($1, $2)`,
      [kept, gone],
    );
    expect(await consumer.reapNodes(86_400_000)).toEqual([gone]);
  });
});
