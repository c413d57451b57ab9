import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import type { Envelope } from '@quayside/events';
import { EventSpool } from './event-spool.js';
import { SpoolLock, SpoolLockedError } from './spool-lock.js';
import { decodeRecord, RecordLines, type SpoolRecord } from './spool-record.js';
import { listSegments, segmentPath } from './spool-segments.js';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function anEnvelope(): Envelope {
  return {
    id: newId(),
    type: 'session.opened',
    v: 1,
    at: new Date().toISOString(),
    tenantId: null,
    accountId: null,
    sessionId: newId(),
    node: 'n',
    worker: 'w',
    data: { note: 'täglich\n' },
  };
}

function encodeRecord(record: SpoolRecord): Buffer {
  const lines = new RecordLines();
  lines.add(record);
  return lines.bytes;
}

function aFact(): Extract<SpoolRecord, { k: 'fact' }> {
  return { k: 'fact', event: anEnvelope(), ledger: [] };
}

function aBegin(id: string): Extract<SpoolRecord, { k: 'upload' }> {
  const place = { mountId: newId(), spaceId: newId(), subpath: '/', backend: { kind: 'local', root: 'r' }, path: '/f' };
  return { k: 'upload', id, place: place as never, accountId: newId(), event: anEnvelope() };
}

function idsOf(records: readonly SpoolRecord[]): string[] {
  return records.map((record) => (record.k === 'fact' ? record.event.id : 'id' in record ? record.id : ''));
}

async function readAll(spool: EventSpool): Promise<SpoolRecord[]> {
  const all: SpoolRecord[] = [];
  let position = spool.drained;
  for (;;) {
    const { records, next } = await spool.read(position, 7);
    if (records.length === 0) return all;
    all.push(...records);
    position = next;
  }
}

describe('EventSpool', () => {
  let folder: string;
  const open = (rest: Partial<ConstructorParameters<typeof EventSpool>[0]> = {}): EventSpool =>
    new EventSpool({ folder, log, spareBytes: 4096, ...rest });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'quayside-spool-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('gives records back in the order of their appends, over segments', async () => {
    const spool = open({ segmentBytes: 1000 });
    const facts = Array.from({ length: 40 }, aFact);
    for (const fact of facts) await spool.append(fact);
    expect(listSegments(folder).length).toBeGreaterThan(5);
    expect(await readAll(spool)).toEqual(facts);
    await spool.close();
  });

  it('resolves a synced append together with the unsynced ones before it', async () => {
    const spool = open();
    const facts = [aFact(), aFact(), aFact()];
    await Promise.all([spool.append(facts[0]!), spool.append(facts[1]!), spool.append(facts[2]!, { sync: true })]);
    expect(idsOf(await readAll(spool))).toEqual(facts.map((fact) => fact.event.id));
    await spool.close();
  });

  it('writes a fact that nobody was told of with what comes next, or when the turn is over', async () => {
    const spool = open();
    const facts = [aFact(), aFact(), aFact()];
    spool.mention(facts[0]!);
    expect(spool.end.offset).toBe(0);
    spool.note(facts[1]!);
    expect(await readAll(spool)).toEqual(facts.slice(0, 2));
    spool.mention(facts[2]!);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await readAll(spool)).toEqual(facts);
    spool.mention(aFact());
    await spool.close();
    const again = open();
    expect(await readAll(again)).toHaveLength(4);
    await again.close();
  });

  it('writes turns of any size, one after the other', async () => {
    const spool = open();
    const facts = [1, 90_000, 1, 1].map((length) => {
      const fact = aFact();
      return { ...fact, event: { ...fact.event, data: { text: 'ä'.repeat(length) } } };
    });
    await Promise.all(facts.slice(0, 3).map((fact) => spool.append(fact)));
    await spool.append(facts[3]!);
    expect(await readAll(spool)).toEqual(facts);
    await spool.close();
  });

  it('reads a record that is longer than one read', async () => {
    const spool = open();
    const fact = aFact();
    const large = { ...fact, event: { ...fact.event, data: { text: 'x'.repeat(700_000) } } };
    await spool.append(large);
    await spool.append(fact);
    expect(await readAll(spool)).toEqual([large, fact]);
    await spool.close();
  });

  it('goes on at the checkpoint and drops the segments before it', async () => {
    const spool = open({ segmentBytes: 1000 });
    for (let n = 0; n < 20; n++) await spool.append(aFact());
    const { records, next } = await spool.read(spool.drained, 15);
    spool.advance(next, records.length);
    expect(listSegments(folder)[0]).toBe(next.segment);
    expect(spool.stats().depth).toBe(5);
    const left = await readAll(spool);
    await spool.close();
    const again = open({ segmentBytes: 1000 });
    expect(await readAll(again)).toEqual(left);
    expect(again.stats().depth).toBe(5);
    await again.close();
  });

  it('leaves no segment behind when it is closed empty, and starts after the old numbers', async () => {
    const spool = open();
    await spool.append(aFact());
    const { records, next } = await spool.read(spool.drained, 10);
    spool.advance(next, records.length);
    await spool.close();
    expect(readdirSync(folder)).toEqual(['checkpoint']);
    const again = open();
    await again.append(aFact());
    expect(await readAll(again)).toHaveLength(1);
    await again.close();
  });

  it('cuts a torn tail wherever it was torn', async () => {
    const whole = Buffer.concat([encodeRecord(aFact()), encodeRecord(aFact())]);
    const torn = encodeRecord(aFact());
    for (let cut = 0; cut < torn.length; cut += 13) {
      rmSync(folder, { recursive: true });
      folder = mkdtempSync(join(tmpdir(), 'quayside-spool-'));
      writeFileSync(segmentPath(folder, 1), Buffer.concat([whole, torn.subarray(0, cut)]));
      const spool = open();
      await spool.append(aFact());
      expect(await readAll(spool)).toHaveLength(3);
      expect(spool.stats().damaged).toBe(0);
      await spool.close();
    }
  });

  it('passes over a damaged record in the middle and says so', async () => {
    const first = encodeRecord(aFact());
    const damaged = encodeRecord(aFact());
    damaged[40]! ^= 1;
    writeFileSync(segmentPath(folder, 1), Buffer.concat([first, damaged, encodeRecord(aFact())]));
    const spool = open();
    expect(await readAll(spool)).toHaveLength(2);
    expect(spool.stats().damaged).toBe(1);
    await spool.close();
  });

  it('finds what an earlier process left open', async () => {
    const spool = open();
    const [done, lost] = [newId(), newId()];
    spool.begin(aBegin(done));
    spool.begin(aBegin(lost));
    await spool.append({ k: 'intent', id: lost, token: 't', event: anEnvelope() }, { sync: true });
    await spool.append({ k: 'end', id: done, event: anEnvelope(), ledger: [] });
    await spool.close();
    const again = open();
    expect(again.unfinished().map(({ begin, intent }) => [begin.id, intent?.token])).toEqual([[lost, 't']]);
    await again.append({ k: 'end', id: lost, event: anEnvelope(), ledger: [] });
    expect(again.unfinished()).toEqual([]);
    await again.close();
  });

  it('keeps a long upload open over the segments that go', async () => {
    const spool = open({ segmentBytes: 1000 });
    const id = newId();
    spool.begin(aBegin(id));
    await spool.append({ k: 'intent', id, token: 't', event: anEnvelope() });
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 10; n++) await spool.append(aFact());
      const { records, next } = await spool.read(spool.drained, 1000);
      spool.advance(next, records.length);
    }
    expect(listSegments(folder).length).toBeLessThan(4);
    await spool.close();
    const again = open({ segmentBytes: 1000 });
    expect(again.unfinished().map(({ begin, intent }) => [begin.id, intent?.token])).toEqual([[id, 't']]);
    await again.close();
  });

  it('refuses new transfers before it is full, and records the end of old ones when it is', async () => {
    const spool = open({ maxBytes: 20_000, segmentBytes: 2000 });
    const id = newId();
    spool.begin(aBegin(id));
    const states = new Set<string>();
    while (!spool.full) {
      states.add(spool.stats().state);
      spool.note(aFact());
    }
    expect([...states, spool.stats().state]).toEqual(['ok', 'filling', 'full']);
    expect(spool.stats().droppedFacts).toBe(0);
    expect(() => spool.begin(aBegin(newId()))).toThrow(expect.objectContaining({ code: 'journal.full' }));
    for (let n = 0; n < 20; n++) spool.note(aFact());
    await expect(spool.append(aFact())).rejects.toMatchObject({ code: 'journal.full' });
    expect(spool.stats().droppedFacts).toBeGreaterThan(0);
    const { droppedFacts } = spool.stats();
    spool.mention(aFact());
    expect(spool.stats().droppedFacts).toBe(droppedFacts + 1);
    await spool.append({ k: 'end', id, event: anEnvelope(), ledger: [] });
    const { records, next } = await spool.read(spool.drained, 1000);
    spool.advance(next, records.length);
    expect(spool.stats().state).toBe('ok');
    spool.begin(aBegin(newId()));
    await spool.close();
  });

  it('is owned by one process; what a dead one left is taken over', async () => {
    const spool = open();
    expect(() => open()).toThrow(SpoolLockedError);
    await spool.close();
    // A process id that is in use, but not by the process that took the lock.
    writeFileSync(join(folder, 'lock'), `${process.pid} 1 another-boot`);
    const again = open();
    expect(readFileSync(join(folder, 'lock'), 'utf8')).not.toContain('another-boot');
    await again.close();
    SpoolLock.take(folder).release();
    expect(readdirSync(folder).filter((name) => name.startsWith('lock'))).toEqual([]);
  });

  it('wakes who waits for records, and does not wait where there are some', async () => {
    const spool = open();
    const stop = new AbortController();
    const waited = spool.waitFor(spool.drained, stop.signal);
    spool.note(aFact());
    await waited;
    await spool.waitFor(spool.drained, stop.signal);
    const idle = spool.waitFor(spool.end, stop.signal);
    stop.abort();
    await expect(idle).resolves.toBeUndefined();
    await spool.close();
  });

  it('does not read a last line that another writer has not finished', async () => {
    const spool = open();
    await spool.append(aFact());
    appendFileSync(segmentPath(folder, 1), encodeRecord(aFact()).subarray(0, 30));
    expect(await readAll(spool)).toHaveLength(1);
    await spool.close();
  });
});

describe('decodeRecord', () => {
  it('returns what was encoded and null for any changed bit', () => {
    const record = aFact();
    const line = encodeRecord(record).subarray(0, -1);
    expect(decodeRecord(line)).toEqual(record);
    for (let index = 0; index < line.length; index += 7) {
      const changed = Buffer.from(line);
      changed[index]! ^= 4;
      expect(decodeRecord(changed)).toBeNull();
    }
  });
});
