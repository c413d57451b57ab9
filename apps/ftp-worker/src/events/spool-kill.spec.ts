import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { LocalBackend } from '@quayside/storage';
import { EventSpool } from './event-spool.js';
import type { SpoolRecord } from './spool-record.js';
import { recoverSpool } from './spool-recovery.js';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const testing = join(import.meta.dirname, 'testing');
const ROUNDS = 4;

/** Runs the worker until it has answered `answers` uploads, then kills it; resolves to its output. */
async function killAfter(answers: number, args: readonly string[]): Promise<string> {
  const hooks = pathToFileURL(join(testing, 'typescript-hooks.mjs')).href;
  const child = spawn(process.execPath, ['--import', hooks, join(testing, 'uploading-worker.mjs'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let output = '';
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.split('answered').length > answers) child.kill('SIGKILL');
  });
  const signal = await new Promise((resolve) => child.once('close', (_code, by) => resolve(by)));
  if (signal !== 'SIGKILL') throw new Error(`The worker ended by itself: ${complaint}`);
  return output;
}

describe('a worker that is killed while it uploads', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'quayside-kill-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  it('leaves one event of every upload, a completed one of every answered upload, and a ledger equal to the files', async () => {
    const [space, folder] = [join(root, 'space'), join(root, 'spool')];
    const backend = LocalBackend.open({ folder: space });
    let output = '';
    let records: SpoolRecord[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      output += await killAfter(20 + round * 17, [space, folder, newId(), newId()]);
      const spool = new EventSpool({ folder, log, segmentBytes: 20_000, spareBytes: 1 });
      const result = await recoverSpool({
        spool,
        backendFor: () => backend,
        leaseReleased: async () => undefined,
        log,
      });
      expect(result.unresolved).toBe(0);
      ({ records } = await spool.read(spool.drained, 1_000_000));
      await spool.close();
    }
    const ends = records.filter((record) => record.k === 'end');
    const finals = ends.map((end) => [String(end.event?.data['transferId']), end.event?.type]);
    const idsOf = (word: string) => [...output.matchAll(new RegExp(`${word} (\\S+)\n`, 'g'))].map((match) => match[1]!);
    expect(new Set(finals.map(([id]) => id)).size).toBe(finals.length);
    expect(finals.map(([id]) => id)).toEqual(expect.arrayContaining(idsOf('begun')));
    const completed = new Set(finals.filter(([, type]) => type === 'transfer.completed').map(([id]) => id));
    expect(idsOf('answered').filter((id) => !completed.has(id))).toEqual([]);
    expect(idsOf('answered').length).toBeGreaterThan(100);
    const ledger = ends.flatMap((end) => end.ledger);
    expect({
      bytes: ledger.reduce((sum, entry) => sum + entry.bytes, 0),
      files: ledger.reduce((sum, entry) => sum + entry.files, 0),
    }).toEqual(await backend.measure({}));
    backend.close();
  }, 60_000);
});
