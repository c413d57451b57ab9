import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import type { Envelope } from '@quayside/events';
import { EventSpool } from './event-spool.js';
import type { SentJob } from './sent-batches.js';
import { SpoolDrainer, type DrainTargets, type RefusedPart } from './spool-drainer.js';
import { ContentRefusedError } from './split-delivery.js';
import type { SpoolLedgerEntry, SpoolRecord } from './spool-record.js';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function aFact(n: number): Extract<SpoolRecord, { k: 'fact' }> {
  const event: Envelope = {
    id: newId(),
    type: 'session.opened',
    v: 1,
    at: new Date().toISOString(),
    tenantId: newId(),
    accountId: newId(),
    sessionId: newId(),
    node: 'n',
    worker: 'w',
    data: { n },
  };
  const ledger: SpoolLedgerEntry = {
    eventId: event.id,
    spaceId: newId(),
    tenantId: event.tenantId!,
    accountId: event.accountId!,
    bytes: n,
    files: 1,
    transferId: null,
  };
  return { k: 'fact', event, ledger: [ledger] };
}

describe('SpoolDrainer', () => {
  let folder: string;
  let spool: EventSpool;
  let drainer: SpoolDrainer;
  let events: Envelope[];
  let ledger: SpoolLedgerEntry[];
  let aside: RefusedPart[];
  let jobs: SentJob[];
  /** Ids that the log has; null: every event that was published. */
  let applied: Set<string> | null;

  function publishTo(batch: readonly Envelope[], round = 0): SentJob[] {
    events.push(...batch);
    const job = { jobId: `${batch[0]!.id}-${round}`, eventIds: batch.map(({ id }) => id) };
    jobs.push(job);
    return [job];
  }

  function drainTo(
    targets: Partial<DrainTargets> = {},
    rest: Partial<ConstructorParameters<typeof SpoolDrainer>[0]> = {},
  ): SpoolDrainer {
    drainer = new SpoolDrainer({
      spool,
      log,
      lingerMs: 1,
      confirmMs: 5,
      suspectMs: 20,
      ...rest,
      targets: {
        publish: async (batch, round) => publishTo(batch, round),
        applyLedger: async (batch) => void ledger.push(...batch),
        unapplied: async (keys) => {
          const known = applied ?? new Set(events.map(({ id }) => id));
          return keys.map(({ id }) => id).filter((id) => !known.has(id));
        },
        queued: async (ids) => new Set(ids),
        setAside: async (refused) => void aside.push(refused),
        ...targets,
      },
    });
    drainer.start();
    return drainer;
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'quayside-drainer-'));
    spool = new EventSpool({ folder, log, segmentBytes: 20_000, spareBytes: 4096 });
    events = [];
    ledger = [];
    aside = [];
    jobs = [];
    applied = null;
  });
  afterEach(async () => {
    await drainer.stop();
    await spool.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('carries every record once and in order to both targets', async () => {
    drainTo();
    const facts = Array.from({ length: 1200 }, (_value, n) => aFact(n));
    for (const fact of facts) spool.note(fact);
    expect(await drainer.apply(10_000)).toBe(true);
    expect(events.map((event) => event.id)).toEqual(facts.map((fact) => fact.event.id));
    expect(ledger.map((entry) => entry.bytes)).toEqual(facts.map((_fact, n) => n));
    expect(spool.stats()).toMatchObject({ depth: 0 });
  });

  it('sends nothing twice to the target that took it while the other was away', async () => {
    let refusals = 2;
    drainTo({
      applyLedger: async (batch) => {
        if (refusals-- > 0) throw new Error('away');
        ledger.push(...batch);
      },
    });
    for (let n = 0; n < 10; n++) spool.note(aFact(n));
    expect(await drainer.drain(10_000)).toBe(true);
    expect(events).toHaveLength(10);
    expect(ledger).toHaveLength(10);
  });

  it('keeps what it could not send for the next process', async () => {
    drainTo({ publish: () => Promise.reject(new Error('away')) });
    for (let n = 0; n < 5; n++) spool.note(aFact(n));
    expect(await drainer.drain(50)).toBe(false);
    expect(drainer.stats().failures).toBeGreaterThan(0);
    await drainer.stop();
    await spool.close();
    spool = new EventSpool({ folder, log, spareBytes: 4096 });
    drainTo();
    expect(await drainer.drain(10_000)).toBe(true);
    expect(events.map((event) => event.data['n'])).toEqual([0, 1, 2, 3, 4]);
  });

  it('holds one batch in memory while the target is away', async () => {
    let asked = 0;
    let largest = 0;
    drainTo({
      publish: async (batch) => {
        largest = Math.max(largest, batch.length);
        if (++asked < 3) throw new Error('away');
        return publishTo(batch);
      },
    });
    for (let n = 0; n < 3000; n++) spool.note(aFact(n));
    expect(await drainer.drain(10_000)).toBe(true);
    expect(largest).toBeLessThanOrEqual(2000);
    expect(events.map((event) => event.data['n'])).toEqual(Array.from({ length: 3000 }, (_value, n) => n));
  });

  it('keeps in the spool what has been published and not applied', async () => {
    applied = new Set();
    drainTo({}, { suspectMs: 60_000 });
    const facts = Array.from({ length: 5 }, (_value, n) => aFact(n));
    for (const fact of facts) spool.note(fact);
    expect(await drainer.drain(10_000)).toBe(true);
    applied = new Set(facts.slice(0, 3).map(({ event }) => event.id));
    expect(await drainer.apply(100)).toBe(false);
    expect(spool.stats().depth).toBe(5);
    await drainer.stop();
    await spool.close();
    // The next process asks the log first, and publishes only what is missing there.
    events = [];
    spool = new EventSpool({ folder, log, spareBytes: 4096 });
    drainTo({}, { suspectMs: 60_000 });
    expect(await drainer.drain(10_000)).toBe(true);
    expect(events.map(({ data }) => data['n'])).toEqual([3, 4]);
    applied = new Set(facts.map(({ event }) => event.id));
    expect(await drainer.apply(10_000)).toBe(true);
    expect(spool.stats().depth).toBe(0);
  });

  it('publishes again, as other jobs, what the queue has lost, and leaves alone what it still has', async () => {
    applied = new Set();
    let lost = new Set<string>();
    drainTo({ queued: async (ids) => new Set(ids.filter((id) => !lost.has(id))) });
    const facts = [aFact(0), aFact(1)];
    spool.note(facts[0]!);
    expect(await drainer.drain(10_000)).toBe(true);
    spool.note(facts[1]!);
    expect(await drainer.drain(10_000)).toBe(true);
    lost = new Set([jobs[0]!.jobId]);
    while (jobs.length < 3) await new Promise(setImmediate);
    expect(jobs[2]).toEqual({ jobId: `${facts[0]!.event.id}-1`, eventIds: [facts[0]!.event.id] });
    applied = new Set(facts.map(({ event }) => event.id));
    expect(await drainer.apply(10_000)).toBe(true);
    expect(ledger).toHaveLength(2);
  });

  it('sends no more than so many events that are not applied', async () => {
    applied = new Set();
    drainTo({}, { maxUnapplied: 600, suspectMs: 60_000 });
    for (let n = 0; n < 3000; n++) spool.note(aFact(n));
    expect(await drainer.drain(100)).toBe(false);
    expect(events).toHaveLength(2000);
    applied = null;
    expect(await drainer.apply(10_000)).toBe(true);
    expect(events).toHaveLength(3000);
  });

  it('sets aside the one event that the queue can never take, and goes on with all others', async () => {
    drainTo({
      publish: async (batch, round) => {
        if (batch.some(({ data }) => data['n'] === 7)) throw new ContentRefusedError(new Error('no such character'));
        return publishTo(batch, round);
      },
      unapplied: async (keys) => {
        const known = new Set(events.map(({ id }) => id));
        for (const refused of aside) if (refused.part === 'event') known.add(refused.event.id);
        return keys.map(({ id }) => id).filter((id) => !known.has(id));
      },
    });
    for (let n = 0; n < 20; n++) spool.note(aFact(n));
    expect(await drainer.apply(10_000)).toBe(true);
    expect(events.map(({ data }) => data['n'])).toEqual(
      Array.from({ length: 20 }, (_v, n) => n).filter((n) => n !== 7),
    );
    expect(aside).toMatchObject([{ part: 'event', event: { data: { n: 7 } } }]);
    expect(ledger).toHaveLength(20);
  });

  it('sets aside the one entry that the ledger can never take', async () => {
    drainTo({
      applyLedger: async (entries) => {
        if (entries.some(({ bytes }) => bytes === 3)) throw new ContentRefusedError(new Error('out of range'));
        ledger.push(...entries);
      },
    });
    for (let n = 0; n < 5; n++) spool.note(aFact(n));
    expect(await drainer.apply(10_000)).toBe(true);
    expect(ledger.map(({ bytes }) => bytes)).toEqual([0, 1, 2, 4]);
    expect(aside).toMatchObject([{ part: 'ledger', entry: { bytes: 3 }, event: { data: { n: 3 } } }]);
  });

  it('has on the disk how a failed upload ended before anybody hears of it', async () => {
    let synced = 0;
    const sync = spool.sync.bind(spool);
    spool.sync = async () => {
      synced++;
      await sync();
    };
    const { event } = aFact(0);
    const failed = { ...event, type: 'transfer.failed' };
    drainTo(
      {
        publish: async (batch, round) => {
          expect(synced).toBe(1);
          return publishTo(batch, round);
        },
      },
      { sync: true },
    );
    await spool.append({ k: 'end', id: newId(), event: failed, ledger: [] });
    expect(await drainer.apply(10_000)).toBe(true);
    expect(events).toEqual([failed]);
  });

  describe('holds', () => {
    let came: (() => void) | null;
    const applyLedger = async (batch: readonly SpoolLedgerEntry[]): Promise<void> => {
      ledger.push(...batch);
      came?.();
    };
    async function burst(): Promise<void> {
      for (let n = 0; n < 1_000; n++) {
        spool.note(aFact(n));
        if (n % 20 === 0) await sleep(1);
      }
    }
    beforeEach(() => {
      came = null;
    });

    it('the records of a burst, but not bytes that are given back', async () => {
      const given = new Promise<void>((resolve) => (came = resolve));
      drainTo({ applyLedger }, { lingerMs: 20, holdMs: 60_000 });
      await burst();
      expect(ledger).toEqual([]);
      spool.note(aFact(-1));
      await given;
      expect(ledger).toHaveLength(1_001);
    });

    it('the records of a burst, but not for somebody who waits for them', async () => {
      drainTo({ applyLedger }, { lingerMs: 20, holdMs: 60_000 });
      await burst();
      expect(ledger).toEqual([]);
      expect(await drainer.drain(10_000)).toBe(true);
      expect(ledger).toHaveLength(1_000);
    });

    it('a batch no longer than until its burst is over', async () => {
      const given = new Promise<void>((resolve) => (came = resolve));
      drainTo({ applyLedger }, { lingerMs: 20, holdMs: 60_000 });
      await burst();
      await given;
      expect(ledger).toHaveLength(1_000);
    });

    it('no more than so many records', async () => {
      drainTo({ applyLedger }, { lingerMs: 20, holdMs: 60_000 });
      for (let n = 0; n < 9_000; n++) spool.note(aFact(n));
      await new Promise<void>((resolve) => {
        came = () => {
          if (ledger.length >= 9_000) resolve();
        };
      });
      expect(ledger).toHaveLength(9_000);
    });
  });
});
