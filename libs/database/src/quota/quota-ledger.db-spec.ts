import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { newId } from '@quayside/domain';
import { type TestDatabase, startTestDatabase } from '@quayside/testing';
import type { Database } from '../database.js';
import { QuotaLedgerRepository, type QuotaReservation, type QuotaVerdict } from './quota-ledger.repository.js';

jest.setTimeout(30_000);

const MIB = 1024 * 1024;
const TTL_MS = 60_000;

let test: TestDatabase;
let worker: Database;
let quota: QuotaLedgerRepository;
let tenantId: string;
let spaceId: string;
let accountId: string;
let workerId: string;

beforeAll(async () => {
  test = await startTestDatabase();
  // With the worker's rights: a missing grant fails here, not in production.
  worker = test.open('quayside_worker', 16);
  quota = new QuotaLedgerRepository(worker);
});
afterAll(() => test.stop());
beforeEach(async () => {
  [tenantId, accountId, workerId] = [newId(), newId(), newId()];
  await ledger(tenantId, 'tenant', null);
  spaceId = await aSpace(10 * MIB);
});

async function ledger(
  id: string,
  kind: 'tenant' | 'space',
  bytes: number | null,
  files: number | null = null,
): Promise<void> {
  await test.database.pool.query(
    'INSERT INTO quota_ledger (id, kind, tenant_id, bytes_limit, files_limit) VALUES ($1, $2, $3, $4, $5)',
    [id, kind, tenantId, bytes, files],
  );
}

async function aSpace(bytes: number | null, files: number | null = null): Promise<string> {
  const id = newId();
  await ledger(id, 'space', bytes, files);
  return id;
}

function reserve(needBytes: number, ask: Partial<QuotaReservation> = {}, space = spaceId): Promise<QuotaVerdict> {
  return quota.reserve(tenantId, space, {
    leaseId: newId(),
    accountId,
    workerId,
    needBytes,
    wantBytes: needBytes,
    files: 1,
    startedAt: new Date(),
    ttlMs: TTL_MS,
    ...ask,
  });
}

function change(bytes: number, transferId: string | null = null, space = spaceId, files = 1) {
  return { eventId: newId(), tenantId, spaceId: space, bytes, files, transferId };
}

async function expectBalanced(): Promise<void> {
  const { rows } = await test.database.pool.query(
    `SELECT q.id FROM quota_ledger q WHERE tenant_id = $1 AND (
       bytes_reserved <> (SELECT coalesce(sum(l.bytes), 0) FROM quota_lease l
         WHERE q.id = l.space_id OR (q.id = l.tenant_id AND l.kind <> 'move'))
       OR files_reserved <> (SELECT coalesce(sum(l.files), 0) FROM quota_lease l
         WHERE q.id = l.space_id OR (q.id = l.tenant_id AND l.kind <> 'move'))
       OR bytes_used <> (SELECT coalesce(sum(e.bytes), 0) FROM ledger_entry e WHERE q.id IN (e.space_id, e.tenant_id))
       OR bytes_used + bytes_reserved > bytes_limit)`,
    [tenantId],
  );
  expect(rows).toEqual([]);
}

/** An upload that asks as it goes; resolves to whether it was stored. */
async function upload(size: number): Promise<boolean> {
  const ask = { leaseId: newId(), startedAt: new Date() };
  for (let covered = 0; covered < size;) {
    const { verdict, bytes } = await reserve(Math.min(covered + MIB / 4, size), ask);
    if (verdict === 'refused') {
      await quota.release(ask.leaseId);
      return false;
    }
    if (verdict === 'wait') await new Promise((resolve) => setTimeout(resolve, 10));
    covered = bytes;
  }
  await quota.apply([change(size, ask.leaseId)]);
  return true;
}

function startedAt(second: number): { leaseId: string; startedAt: Date } {
  return { leaseId: newId(), startedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, second)) };
}

describe('a lease', () => {
  it('covers what was asked and shrinks the answer to the exact remainder near the limit', async () => {
    expect(await reserve(4 * MIB)).toEqual({ verdict: 'granted', bytes: 4 * MIB, files: 1 });
    const last = await reserve(6 * MIB - 1, { wantBytes: 100 * MIB });
    expect(last).toEqual({ verdict: 'granted', bytes: 6 * MIB, files: 1 });
    expect((await quota.remaining(tenantId, spaceId)).bytes).toBe(0);
    await expectBalanced();
  });

  it('is not taken twice by a repeated question', async () => {
    const leaseId = newId();
    await reserve(MIB, { leaseId });
    await reserve(MIB, { leaseId });
    await reserve(2 * MIB, { leaseId });
    expect((await quota.state(tenantId, spaceId)).space.bytesReserved).toBe(2 * MIB);
    await expectBalanced();
  });

  it('is refused where the bytes are used up, and where files are', async () => {
    await quota.apply([change(10 * MIB)]);
    expect((await reserve(1)).verdict).toBe('refused');
    expect((await reserve(0, { files: 0 })).verdict).toBe('granted');
    const small = await aSpace(null, 1);
    await quota.apply([change(1, null, small)]);
    expect((await reserve(1, {}, small)).verdict).toBe('refused');
    expect((await reserve(1, { files: 0 }, small)).verdict).toBe('granted');
  });

  it('is bounded by the tenant as well as by the space', async () => {
    await test.database.pool.query('UPDATE quota_ledger SET bytes_limit = $2 WHERE id = $1', [tenantId, 3 * MIB]);
    const other = await aSpace(null);
    await quota.apply([change(2 * MIB, null, other)]);
    expect(await reserve(MIB, { wantBytes: 9 * MIB })).toMatchObject({ verdict: 'granted', bytes: MIB });
    expect((await reserve(1)).verdict).not.toBe('granted');
    await expectBalanced();
  });

  it('ends where the limit is lowered under what it needs, and goes on where it is not', async () => {
    const leaseId = newId();
    await reserve(5 * MIB, { leaseId });
    await test.database.pool.query('UPDATE quota_ledger SET bytes_limit = $2 WHERE id = $1', [spaceId, MIB]);
    expect(await reserve(5 * MIB, { leaseId })).toMatchObject({ verdict: 'refused', bytes: 5 * MIB });
    expect(await reserve(MIB, { leaseId })).toMatchObject({ verdict: 'granted', bytes: MIB });
  });

  it('becomes the lease of a kept partial, which the upload that continues it takes over', async () => {
    const [first, second] = [newId(), newId()];
    await reserve(8 * MIB, { leaseId: first });
    expect(await quota.release(first, 7 * MIB, TTL_MS)).toBe(7 * MIB);
    expect(await reserve(9 * MIB, { leaseId: second, takesLeaseId: first })).toEqual({
      verdict: 'granted',
      bytes: 9 * MIB,
      files: 1,
    });
    await expectBalanced();
    await quota.release(second);
    expect((await quota.state(tenantId, spaceId)).space).toMatchObject({ bytesReserved: 0, filesReserved: 0 });
  });

  it('stays that of a kept partial when a question of its upload comes late', async () => {
    const leaseId = newId();
    await reserve(4 * MIB, { leaseId });
    await quota.release(leaseId, 3 * MIB, TTL_MS);
    expect(await reserve(5 * MIB, { leaseId })).toEqual({ verdict: 'refused', bytes: 0, files: 0 });
    await quota.expireWorker(workerId);
    expect(await quota.sweep()).toEqual([]);
    expect((await quota.state(tenantId, spaceId)).space.bytesReserved).toBe(3 * MIB);
    // Whoever means the partial itself says so.
    expect(await reserve(5 * MIB, { leaseId, takesLeaseId: leaseId })).toMatchObject({ verdict: 'granted' });
    await expectBalanced();
  });

  it('does not take over the partial of another account', async () => {
    const first = newId();
    await reserve(8 * MIB, { leaseId: first });
    await quota.release(first, 8 * MIB, TTL_MS);
    expect((await reserve(9 * MIB, { takesLeaseId: first, accountId: newId() })).verdict).toBe('refused');
    await expectBalanced();
  });

  it('cannot be opened in a space of another tenant', async () => {
    await expect(reserve(1, {}, newId())).rejects.toMatchObject({ code: 'space.not-found' });
  });
});

describe('uploads that compete', () => {
  it('lets the oldest win: the youngest of those that wait is refused, the others wait for it', async () => {
    const [old, young] = [startedAt(1), startedAt(2)];
    await reserve(5 * MIB, old);
    await reserve(5 * MIB, young);
    expect((await reserve(6 * MIB, old)).verdict).toBe('wait');
    expect((await reserve(6 * MIB, young)).verdict).toBe('refused');
    await quota.release(young.leaseId);
    expect(await reserve(6 * MIB, old)).toMatchObject({ verdict: 'granted', bytes: 6 * MIB });
    await expectBalanced();
  });

  it('gives exactly 10 of 50 uploads of 1 MiB a place in 10 MiB, and exactly 6 of 20 of 1.5 MiB', async () => {
    for (const [uploads, size, fit] of [
      [50, MIB, 10],
      [20, 1.5 * MIB, 6],
    ] as const) {
      spaceId = await aSpace(10 * MIB);
      // Each knows its size only as it goes, in steps of a quarter of a MiB, like an upload without ALLO.
      const results = await Promise.all(Array.from({ length: uploads }, () => upload(size)));
      expect(results.filter(Boolean)).toHaveLength(fit);
      expect((await quota.state(tenantId, spaceId)).space).toMatchObject({ bytesUsed: fit * size, bytesReserved: 0 });
      await expectBalanced();
    }
  });

  it('never waits in a circle and never exceeds a limit with two spaces, batches, sweeps and releases at once', async () => {
    await test.database.pool.query('UPDATE quota_ledger SET bytes_limit = $2 WHERE id = $1', [tenantId, 15 * MIB]);
    const spaces = [spaceId, await aSpace(10 * MIB)];
    let highest = 0;
    const look = async (): Promise<void> => {
      const { rows } = await test.database.pool.query(
        'SELECT max(bytes_used + bytes_reserved - coalesce(bytes_limit, 1e15)) AS over FROM quota_ledger WHERE tenant_id = $1',
        [tenantId],
      );
      highest = Math.max(highest, Number(rows[0].over));
    };
    await Promise.all(
      Array.from({ length: 60 }, async (_none, n) => {
        const leases = [newId(), newId()];
        const order = n % 2 === 0 ? spaces : spaces.toReversed();
        const verdicts = await Promise.all(order.map((space, i) => reserve(MIB / 2, { leaseId: leases[i]! }, space)));
        await look();
        const [a, b] = verdicts.map(({ verdict }) => verdict === 'granted');
        if (n % 3 === 0) await Promise.all(leases.map((lease) => quota.release(lease, MIB / 4, TTL_MS)));
        else if (a && b) await quota.apply(order.map((space, i) => change(MIB / 2, leases[i], space)));
        else await Promise.all(leases.map((lease) => quota.release(lease)));
        if (n % 10 === 0) await quota.sweep();
      }),
    );
    expect(highest).toBe(0);
    await expectBalanced();
  });
});

function limit(bytes: number): Promise<unknown> {
  return test.database.pool.query('UPDATE quota_ledger SET bytes_limit = $2 WHERE id = $1', [spaceId, bytes]);
}

describe('a lowered limit', () => {
  it('takes back what a running upload holds beyond its need, and denies it to grow past the limit', async () => {
    const upload = { leaseId: newId(), startedAt: new Date() };
    await reserve(MIB, { ...upload, wantBytes: 3 * MIB });
    await limit(2 * MIB);
    expect(await reserve(1.5 * MIB, { ...upload, wantBytes: 5 * MIB })).toMatchObject({
      verdict: 'granted',
      bytes: expect.any(Number),
    });
    expect((await quota.remaining(tenantId, spaceId)).bytes).toBeGreaterThanOrEqual(0);
    await expectBalanced();
    expect(await reserve(2 * MIB + 1, upload)).toMatchObject({ verdict: 'refused' });
  });

  it('below what is used keeps the data, and lets it shrink only', async () => {
    await quota.apply([change(4 * MIB)]);
    await limit(MIB);
    expect(await reserve(1)).toMatchObject({ verdict: 'refused' });
    expect(await reserve(0, { files: 0 })).toMatchObject({ verdict: 'granted', bytes: 0 });
  });
});

describe('the lease of a kept partial', () => {
  const taking = { leaseId: newId(), takesLeaseId: newId(), startedAt: new Date() };

  it('stays where its upload has to wait, moves where it may go on, and can go back', async () => {
    const [partial, other] = [newId(), newId()];
    await reserve(4 * MIB, { leaseId: partial });
    await quota.release(partial, 4 * MIB, TTL_MS);
    await reserve(6 * MIB, { leaseId: other, startedAt: new Date(0) });
    const resumed = { ...taking, leaseId: newId(), takesLeaseId: partial };
    expect(await reserve(5 * MIB, resumed)).toEqual({ verdict: 'wait', bytes: 0, files: 0 });
    await expectBalanced();
    await quota.release(other);
    expect(await reserve(5 * MIB, resumed)).toMatchObject({ verdict: 'granted', bytes: 5 * MIB });
    expect(await quota.release(resumed.leaseId, 4 * MIB, TTL_MS, partial)).toBe(4 * MIB);
    expect(await reserve(5 * MIB, { ...resumed, leaseId: newId() })).toMatchObject({ verdict: 'granted' });
    await expectBalanced();
  });
});

describe('an upload that waits', () => {
  it('is told when bytes come back, and nobody is told where nobody waits', async () => {
    const told: (string | null)[] = [];
    const client = await test.database.pool.connect();
    client.on('notification', ({ payload }) => {
      const change = JSON.parse(payload ?? '') as { table: string; tenantId: string };
      if (change.table === 'quota_lease') told.push(change.tenantId);
    });
    await client.query('LISTEN quayside_changed');
    try {
      const [holder, waiting] = [newId(), newId()];
      await reserve(10 * MIB, { leaseId: holder, startedAt: new Date(0) });
      await quota.release(newId());
      await client.query('SELECT 1');
      expect(told).toEqual([]);
      expect(await reserve(MIB, { leaseId: waiting })).toMatchObject({ verdict: 'wait' });
      await quota.apply([change(MIB, holder)]);
      await client.query('SELECT 1');
      expect(told).toEqual([tenantId]);
      expect(await reserve(MIB, { leaseId: waiting })).toMatchObject({ verdict: 'granted' });
    } finally {
      await client.query('UNLISTEN *');
      client.release();
    }
  });
});

describe('applied changes', () => {
  it('count once, however often they come, and end their lease', async () => {
    const leaseId = newId();
    await reserve(3 * MIB, { leaseId });
    const batch = [change(2 * MIB, leaseId)];
    expect(await quota.apply(batch)).toBe(1);
    expect(await quota.apply(batch)).toBe(0);
    expect(await quota.apply([...batch, ...batch])).toBe(0);
    expect((await quota.state(tenantId, spaceId)).space).toMatchObject({
      bytesUsed: 2 * MIB,
      filesUsed: 1,
      bytesReserved: 0,
    });
    expect((await quota.state(tenantId, spaceId)).tenant).toMatchObject({
      bytesUsed: 2 * MIB,
      filesUsed: 1,
      bytesReserved: 0,
    });
    await expectBalanced();
  });

  it('end right where a deletion overtakes its upload', async () => {
    await quota.apply([change(-5, null, spaceId, -1)]);
    await quota.apply([change(5)]);
    expect((await quota.state(tenantId, spaceId)).space).toMatchObject({ bytesUsed: 0, filesUsed: 0 });
  });

  it('count the same when many workers send the same batches at once', async () => {
    const batches = Array.from({ length: 10 }, () => Array.from({ length: 20 }, () => change(1)));
    await Promise.all([...batches, ...batches.toReversed()].map((batch) => quota.apply(batch)));
    expect((await quota.state(tenantId, spaceId)).space.bytesUsed).toBe(200);
    await expectBalanced();
  });
});

describe('leases that nobody renews', () => {
  it('come back with the sweep; renewed ones and kept partials stay', async () => {
    const [dead, alive, partial] = [newId(), newId(), newId()];
    await reserve(MIB, { leaseId: dead, ttlMs: -1 });
    await reserve(MIB, { leaseId: alive, ttlMs: -1, workerId: accountId });
    await reserve(MIB, { leaseId: partial });
    await quota.release(partial, MIB, -1);
    await quota.renew(accountId, [alive], TTL_MS);
    expect(await quota.sweep()).toEqual([dead]);
    expect((await quota.state(tenantId, spaceId)).space.bytesReserved).toBe(2 * MIB);
    await expectBalanced();
  });

  it('come back although their worker lives, where it does not name them', async () => {
    const [orphan, held] = [newId(), newId()];
    await reserve(MIB, { leaseId: orphan, ttlMs: -1 });
    await reserve(MIB, { leaseId: held, ttlMs: -1 });
    await quota.renew(workerId, [held, newId()], TTL_MS);
    expect(await quota.sweep()).toEqual([orphan]);
    await quota.renew(newId(), [held], -1);
    expect(await quota.sweep()).toEqual([]);
    await expectBalanced();
  });

  it('of a dead worker end at once, but not those whose commit is still in a spool', async () => {
    const [lost, answered] = [newId(), newId()];
    await reserve(MIB, { leaseId: lost });
    await reserve(MIB, { leaseId: answered });
    await quota.expireWorker(workerId, [answered]);
    expect(await quota.sweep()).toEqual([lost]);
    await expectBalanced();
  });
});

describe('moves between two spaces', () => {
  let target: string;

  beforeEach(async () => {
    await test.database.pool.query('UPDATE quota_ledger SET bytes_limit = $2 WHERE id = $1', [tenantId, 10 * MIB]);
    target = await aSpace(4 * MIB, 2);
    await quota.apply([change(9 * MIB, null, spaceId, 3)]);
  });

  function move(bytes: number, files: number, ask: { leaseId?: string; folder?: string } = {}) {
    return quota.reserveMove(tenantId, target, {
      leaseId: ask.leaseId ?? newId(),
      accountId,
      workerId,
      fromSpaceId: spaceId,
      folder: ask.folder ?? null,
      bytes,
      files,
      ttlMs: TTL_MS,
    });
  }

  it('need room in the target space only, to the last byte and file', async () => {
    expect(await move(4 * MIB + 1, 1)).toBe('refused');
    expect(await move(1, 3)).toBe('refused');
    const leaseId = newId();
    expect(await move(4 * MIB, 2, { leaseId })).toBe('granted');
    expect(await move(1, 0)).toBe('refused');
    await expectBalanced();
    const eventId = newId();
    await quota.apply([
      { eventId, tenantId, spaceId, bytes: -4 * MIB, files: -2, transferId: null },
      { eventId, tenantId, spaceId: target, bytes: 4 * MIB, files: 2, transferId: leaseId },
    ]);
    await expectBalanced();
    const { space, tenant } = await quota.state(tenantId, target);
    expect([space.bytesUsed, space.bytesReserved, tenant.bytesUsed, tenant.bytesReserved]).toEqual([
      4 * MIB,
      0,
      9 * MIB,
      0,
    ]);
  });

  it('may shrink a space that is over its limit', async () => {
    await test.database.pool.query('UPDATE quota_ledger SET bytes_limit = 0, files_limit = 0 WHERE id = $1', [target]);
    expect(await move(-1, 0)).toBe('granted');
    expect(await move(1, 0)).toBe('refused');
  });

  it('give their room back when they fail, and when their worker dies', async () => {
    const leaseId = newId();
    await move(MIB, 1, { leaseId });
    await quota.release(leaseId);
    await expectBalanced();
    await move(MIB, 1);
    await quota.expireWorker(workerId);
    expect(await quota.sweep()).toHaveLength(1);
    await expectBalanced();
    expect((await quota.state(tenantId, target)).space.bytesReserved).toBe(0);
  });

  it('are refused for a folder in which a mount has its root', async () => {
    const { rows } = await test.database.pool.query<{ n: string }>(
      `WITH t AS (INSERT INTO tenant (id, slug, name, updated_at) VALUES ($1, $2, 'x', now()) RETURNING id),
         s AS (INSERT INTO space (id, tenant_id, name, root, updated_at) SELECT $3, id, 's', $2, now() FROM t RETURNING id, tenant_id),
         a AS (INSERT INTO account (id, tenant_id, username, updated_at) SELECT $4, tenant_id, 'u', now() FROM s RETURNING id)
       INSERT INTO mount (id, tenant_id, account_id, space_id, path, subpath, permissions)
         SELECT $5, s.tenant_id, a.id, s.id, '/web', '/sites/web', '{list}' FROM s, a RETURNING 1 AS n`,
      [tenantId, tenantId.slice(0, 8), spaceId, accountId, newId()],
    );
    expect(rows).toHaveLength(1);
    for (const folder of ['/sites', '/sites/web']) expect(await move(1, 1, { folder })).toBe('mounted');
    for (const folder of ['/site', '/sites/web/deeper']) expect(await move(0, 0, { folder })).toBe('granted');
  });
});
