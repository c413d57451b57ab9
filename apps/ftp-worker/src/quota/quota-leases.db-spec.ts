import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { QuotaLedgerRepository, type QuotaReservation } from '@quayside/database';
import { DomainError, newId } from '@quayside/domain';
import type { QuotaAsk } from '@quayside/ftp-engine';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import { HeldLeases } from './held-leases.js';
import { QuotaLeases } from './quota-leases.js';

jest.setTimeout(60_000);

const WORKER = newId();
const nothing = () => undefined;
const LOG = { debug: nothing, info: nothing, warn: nothing, error: nothing };

let test: TestDatabase;
let ledger: QuotaLedgerRepository;
let tenantId: string;
let spaceId: string;

beforeAll(async () => {
  test = await startTestDatabase();
  ledger = new QuotaLedgerRepository(test.open('quayside_worker', 4));
});
afterAll(() => test.stop());
beforeEach(async () => {
  [tenantId, spaceId] = [newId(), newId()];
  await test.database.pool.query(
    `INSERT INTO quota_ledger (id, kind, tenant_id, bytes_limit) VALUES ($1, 'tenant', $1, NULL), ($2, 'space', $1, 100000000)`,
    [tenantId, spaceId],
  );
});

function ask(values: Partial<QuotaAsk> = {}): QuotaAsk {
  const whole = {
    transferId: newId(),
    grant: { tenantId, accountId: newId(), policy: { uploads: { partialTtlHours: 1 } } },
    mount: { spaceId },
    path: '/file',
    startBytes: 0,
    declaredBytes: null,
    replacesBytes: 0,
    newFile: true,
    partialBytes: 0,
    partialTransferId: null,
    signal: new AbortController().signal,
    ...values,
  };
  return whole as unknown as QuotaAsk;
}

/** Questions are given up by their asker and carried out by the database when it comes to itself. */
class HungLedger extends QuotaLedgerRepository {
  hangs = false;
  private readonly late: (() => Promise<unknown>)[] = [];

  override reserve(tenant: string, space: string, question: QuotaReservation) {
    if (!this.hangs) return super.reserve(tenant, space, question);
    this.late.push(() => super.reserve(tenant, space, question));
    return Promise.reject(new DomainError('database.unavailable'));
  }

  async comesToItself(): Promise<void> {
    this.hangs = false;
    for (const question of this.late.splice(0)) await question();
  }
}

function leasesOver(over: QuotaLedgerRepository): { leases: QuotaLeases; held: HeldLeases } {
  const held = new HeldLeases();
  return { leases: new QuotaLeases({ ledger: over, workerId: WORKER, held, log: LOG, databaseWaitMs: 0 }), held };
}

/** The time of all leases passes, and the worker's heartbeat renews what it stands for. */
async function timePassesAndHeartBeats(held: HeldLeases): Promise<void> {
  await test.database.pool.query(
    `UPDATE quota_lease SET expires_at = now() - interval '1 second' WHERE tenant_id = $1`,
    [tenantId],
  );
  await ledger.renew(WORKER, held.ids(), 60_000);
  await ledger.sweep();
}

const reserved = async (): Promise<number> => (await ledger.state(tenantId, spaceId)).space.bytesReserved;

describe('the leases of a worker', () => {
  it('do not outlive their upload where the database carried out a question after it was given up', async () => {
    const hung = new HungLedger(test.open('quayside_worker', 2));
    const { leases, held } = leasesOver(hung);
    const lease = await leases.open(ask());
    expect(await reserved()).toBeGreaterThan(0);
    hung.hangs = true;
    await expect(lease.extend(6_000_000)).rejects.toMatchObject({ code: 'database.unavailable' });
    await lease.release(0);
    await hung.comesToItself();
    expect(await reserved()).toBeGreaterThan(0);
    await timePassesAndHeartBeats(held);
    expect(await reserved()).toBe(0);
    leases.stop();
  });

  it('are renewed while the upload runs, until the ledger has applied its commit', async () => {
    const { leases, held } = leasesOver(ledger);
    const upload = ask();
    const lease = await leases.open(upload);
    await timePassesAndHeartBeats(held);
    expect(await reserved()).toBeGreaterThan(0);
    lease.settled();
    await timePassesAndHeartBeats(held);
    expect(await reserved()).toBeGreaterThan(0);
    expect(held.ids()).toEqual([upload.transferId]);
    held.end(upload.transferId);
    await timePassesAndHeartBeats(held);
    expect(await reserved()).toBe(0);
    leases.stop();
  });
});
