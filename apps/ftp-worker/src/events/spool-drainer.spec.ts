import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import type { Envelope } from '@quayside/events';
import { EventSpool } from './event-spool.js';
import { SpoolDrainer, type DrainTargets } from './spool-drainer.js';
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

  function drainTo(targets: Partial<DrainTargets> = {}): SpoolDrainer {
    drainer = new SpoolDrainer({
      spool,
      log,
      lingerMs: 1,
      targets: {
        publish: async (batch) => void events.push(...batch),
        applyLedger: async (batch) => void ledger.push(...batch),
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
    expect(await drainer.drain(10_000)).toBe(true);
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
        events.push(...batch);
      },
    });
    for (let n = 0; n < 2000; n++) spool.note(aFact(n));
    expect(await drainer.drain(10_000)).toBe(true);
    expect(largest).toBeLessThanOrEqual(500);
    expect(events.map((event) => event.data['n'])).toEqual(Array.from({ length: 2000 }, (_value, n) => n));
  });
});
