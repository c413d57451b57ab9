import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadConfig } from '@quayside/config';
import { newId } from '@quayside/domain';
import { SpaceBackends } from '../storage/storage-resolver.js';
import type { SpoolLedgerEntry } from './spool-record.js';
import { WorkerEvents } from './worker-events.js';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const WAIT_MS = 10_000;

describe('WorkerEvents', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'quayside-worker-events-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('tells which transfers the ledger is done with: those it applied, and the one that it can never take', async () => {
    const settled: string[] = [];
    const aside: string[] = [];
    const entries = [1, -1, 2].map((bytes): SpoolLedgerEntry => {
      const [eventId, spaceId, tenantId, accountId, transferId] = [newId(), newId(), newId(), newId(), newId()];
      return { eventId, spaceId, tenantId, accountId, bytes, files: 1, transferId };
    });
    const events = new WorkerEvents({
      config: loadConfig({ DATA_DIR: folder }),
      place: { slot: 0, count: 1 },
      source: { node: 'n', worker: newId() },
      ledger: {
        apply: async (batch) => {
          if (batch.some(({ bytes }) => bytes < 0)) throw Object.assign(new Error('out of range'), { code: '22003' });
          return batch.length;
        },
        release: async () => 0,
        reserve: () => Promise.reject(new Error('nothing is reserved here')),
      },
      onSettled: (transferIds) => void settled.push(...transferIds),
      applied: { unapplied: async () => [] },
      dead: { add: async ({ id }) => void aside.push(id) },
      publisher: { publish: async () => [], queued: async () => new Set() },
      backends: new SpaceBackends(folder),
      log,
    });
    await events.start();
    try {
      for (const entry of entries) {
        await events.spool.append({ k: 'end', id: entry.transferId!, event: null, ledger: [entry] });
      }
      expect(await events.settle(WAIT_MS)).toBe(true);
    } finally {
      await events.stop();
    }
    expect(aside).toEqual([entries[1]!.eventId]);
    expect(settled.toSorted()).toEqual(entries.map(({ transferId }) => transferId!).toSorted());
  });
});
