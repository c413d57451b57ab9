import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { type TestDatabase, startTestDatabase } from '@quayside/testing';
import { NodesRepository } from '../nodes/nodes.repository.js';
import { FtpSessionsRepository, type NewFtpSession } from './ftp-sessions.repository.js';

const STALE_MS = 60_000;
const LOAD = {
  accepting: true,
  sessions: 0,
  transfers: 0,
  spool: 'ok' as const,
  spoolBytes: 0,
  spoolOldestSeconds: 0,
  rssBytes: 1,
};
const NO_CAPS = { account: null, tenant: null, address: null };

let test: TestDatabase;
let sessions: FtpSessionsRepository;
let nodes: NodesRepository;
let workerId: string;
let nodeId: string;
let tenantId: string;
let accountId: string;

beforeAll(async () => {
  test = await startTestDatabase();
  const worker = test.open('quayside_worker', 16);
  sessions = new FtpSessionsRepository(worker);
  nodes = new NodesRepository(worker);
});
afterAll(() => test.stop());
beforeEach(async () => {
  [workerId, tenantId, accountId] = [newId(), newId(), newId()];
  const node = await nodes.registerNode({ id: newId(), name: newId(), version: '1' });
  nodeId = node.id;
  await nodes.registerWorker({ id: workerId, nodeId, slot: 0, pid: 1, ports: { ftp: 2121 } });
});

function aSession(session: Partial<NewFtpSession> = {}): NewFtpSession {
  return {
    id: newId(),
    workerId,
    tenantId,
    accountId,
    username: 'bob',
    remoteAddress: '192.0.2.1',
    protocol: 'ftps',
    tlsVersion: 'TLSv1.3',
    tlsCipher: null,
    clientName: null,
    openedAt: new Date(),
    ...session,
  };
}

describe('sessions', () => {
  it('are never more than the cap, however many log in at once', async () => {
    const caps = { account: 3, tenant: 50, address: 50 };
    const full = await Promise.all(Array.from({ length: 20 }, () => sessions.open(aSession(), caps, STALE_MS)));
    expect(full.filter((cap) => cap === null)).toHaveLength(3);
    expect(full.filter((cap) => cap === 'account')).toHaveLength(17);
  });

  it('are counted by tenant and by address too', async () => {
    expect(await sessions.open(aSession(), { ...NO_CAPS, tenant: 1 }, STALE_MS)).toBeNull();
    expect(await sessions.open(aSession({ accountId: newId() }), { ...NO_CAPS, tenant: 1 }, STALE_MS)).toBe('tenant');
    expect(await sessions.open(aSession(), { ...NO_CAPS, address: 1 }, STALE_MS)).toBe('address');
    expect(await sessions.open(aSession({ remoteAddress: '::1' }), { ...NO_CAPS, address: 1 }, STALE_MS)).toBeNull();
  });

  it('do not count when their worker has stopped renewing them', async () => {
    await sessions.open(aSession(), NO_CAPS, STALE_MS);
    expect(await sessions.open(aSession(), { ...NO_CAPS, account: 1 }, STALE_MS)).toBe('account');
    expect(await sessions.open(aSession(), { ...NO_CAPS, account: 1 }, -1_000)).toBeNull();
  });

  it('learn from a heartbeat that they were ended or have lost their row', async () => {
    const [going, ended, gone] = [aSession(), aSession(), aSession()];
    await sessions.open(going, NO_CAPS, STALE_MS);
    await sessions.open(ended, NO_CAPS, STALE_MS);
    await test.database.pool.query('UPDATE ftp_session SET end_reason = $2 WHERE id = $1', [ended.id, 'kicked']);
    const activity = { verb: 'STOR', path: '/a', bytes: 7, bytesPerSecond: 3, startedAt: '2026-01-01T00:00:00.000Z' };
    const beats = [going, ended, gone].map(({ id }) => ({ id, activity, clientName: 'lftp' }));
    const told = await sessions.beat(workerId, beats);
    expect(told).toHaveLength(2);
    expect(told).toEqual(
      expect.arrayContaining([
        { id: ended.id, endReason: 'kicked', gone: false },
        { id: gone.id, endReason: null, gone: true },
      ]),
    );
    const { rows } = await test.database.pool.query('SELECT activity, client_name FROM ftp_session WHERE id = $1', [
      going.id,
    ]);
    expect(rows).toEqual([{ activity, client_name: 'lftp' }]);
  });

  it('count as transfers only while they transfer', async () => {
    const [transferring, hashing] = [aSession(), aSession()];
    for (const session of [transferring, hashing]) await sessions.open(session, NO_CAPS, STALE_MS);
    const startedAt = new Date().toISOString();
    await sessions.beat(workerId, [
      { id: transferring.id, activity: { verb: 'RETR', path: '/a', bytes: 0, startedAt }, clientName: null },
      { id: hashing.id, activity: { verb: 'HASH', startedAt }, clientName: null },
    ]);
    const { accountId, tenantId } = transferring;
    expect(await sessions.runningTransfers([accountId], [])).toEqual([
      { accountId, tenantId, workerId, direction: 'down', transfers: 1 },
    ]);
  });

  it('go when they close, and with their worker', async () => {
    const [a, b] = [aSession(), aSession()];
    await sessions.open(a, NO_CAPS, STALE_MS);
    await sessions.open(b, NO_CAPS, STALE_MS);
    await sessions.close([a.id]);
    expect((await nodes.list(null, 100)).find(({ id }) => id === nodeId)).toMatchObject({
      workers: [{ id: workerId }],
      sessions: 1,
    });
    await nodes.removeWorker(workerId);
    expect((await nodes.list(null, 100)).find(({ id }) => id === nodeId)).toMatchObject({ workers: [], sessions: 0 });
  });
});

describe('nodes', () => {
  it('keep id and draining flag when they come back under their name', async () => {
    const first = await nodes.registerNode({ id: newId(), name: 'edge-1', version: '1' });
    expect(await nodes.setDraining(first.id, true)).toBe(true);
    expect(await nodes.registerNode({ id: newId(), name: 'edge-1', version: '2' })).toEqual({
      id: first.id,
      draining: true,
    });
  });

  it('tell a worker that drains, and one that was taken for dead', async () => {
    expect(await nodes.beat(workerId, LOAD)).toEqual({ draining: false });
    await nodes.setDraining(nodeId, true);
    expect(await nodes.beat(workerId, LOAD)).toEqual({ draining: true });
    expect(await nodes.reapWorkers(-60_000)).toContain(workerId);
    expect(await nodes.beat(workerId, LOAD)).toBeNull();
  });

  it('know the earlier processes of a slot', async () => {
    const next = { id: newId(), nodeId, slot: 0, pid: 2, ports: {} };
    await nodes.registerWorker(next);
    expect(await nodes.predecessors(next)).toEqual([workerId]);
  });
});
