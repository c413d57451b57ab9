import { cpSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { newId, parsePath, type GrantMount, type SessionGrant } from '@quayside/domain';
import { parseEvent, type Envelope } from '@quayside/events';
import type { SessionFacts, TransferFacts, UploadRecord } from '@quayside/ftp-engine';
import { LocalBackend, MemoryBackend, type StorageBackend } from '@quayside/storage';
import { EventSpool } from './event-spool.js';
import { SpoolJournal } from './spool-journal.js';
import type { SpoolBegin, SpoolLedgerEntry } from './spool-record.js';
import { recoverSpool } from './spool-recovery.js';
import { listSegments, segmentPath } from './spool-segments.js';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const source = { node: 'node', worker: 'worker' };
const session: SessionFacts = {
  sessionId: newId(),
  remoteAddress: '192.0.2.1',
  protocol: 'ftps',
  clientName: null,
};
const mount = {
  mountId: newId(),
  spaceId: newId(),
  path: parsePath('/'),
  subpath: parsePath('/'),
  backend: { kind: 'local', root: 'r' },
} as unknown as GrantMount;
const archive = { ...mount, mountId: newId(), spaceId: newId() };
const grant = { tenantId: newId(), accountId: newId(), username: 'bob' } as SessionGrant;

/** What a client does, and how far its upload gets by itself. */
type Operation =
  | {
      readonly kind: 'upload';
      readonly file: string;
      readonly bytes: number;
      readonly mode: 'staged' | 'direct';
      readonly fate: 'commit' | 'keep' | 'drop';
    }
  | { readonly kind: 'delete'; readonly file: string }
  /** Into the other space. */
  | { readonly kind: 'move'; readonly file: string; readonly to: string };

/** Whether the step was a record, so that a crash may have torn it. */
type Step = 'record' | 'effect';

/** One worker's life over a backend, cut off after any step. */
class World {
  readonly uploads: string[] = [];
  readonly spool: EventSpool;
  readonly journal: SpoolJournal;
  steps = 0;

  constructor(
    readonly backend: StorageBackend,
    readonly archive: StorageBackend,
    readonly folder: string,
  ) {
    this.spool = new EventSpool({ folder, log, segmentBytes: 4_000, spareBytes: 1 });
    this.journal = new SpoolJournal({ spool: this.spool, source });
  }

  async *run(operations: readonly Operation[]): AsyncGenerator<Step> {
    for (const operation of operations) {
      for await (const step of this.perform(operation)) {
        this.steps++;
        yield step;
      }
    }
  }

  private perform(operation: Operation): AsyncGenerator<Step> {
    if (operation.kind === 'upload') return this.upload(operation);
    return operation.kind === 'delete' ? this.remove(operation.file) : this.move(operation.file, operation.to);
  }

  private async *upload(operation: Extract<Operation, { kind: 'upload' }>): AsyncGenerator<Step> {
    const transferId = newId();
    const path = parsePath(operation.file);
    const record: UploadRecord = this.journal.beginUpload(session, grant, {
      transferId,
      mount,
      backendPath: path,
      path,
      verb: 'STOR',
      startedAtMs: Date.now(),
    });
    this.uploads.push(transferId);
    yield 'record';
    const writer = await this.backend.openWrite(
      { path, accountId: grant.accountId, transferId },
      { mode: operation.mode, intent: 'replace', start: 0 },
    );
    yield 'effect';
    await writer.write([Buffer.alloc(operation.bytes, 0x61)]);
    yield 'effect';
    const facts = (outcome: TransferFacts['outcome'], keptBytes = 0): TransferFacts => ({
      transferId,
      direction: 'upload',
      verb: 'STOR',
      path,
      bytes: operation.bytes,
      fileBytes: outcome === 'completed' ? operation.bytes : null,
      startedAtMs: Date.now(),
      finishedAtMs: Date.now(),
      outcome,
      reason: outcome === 'completed' ? null : 'CLIENT_ABORT',
      sha256: null,
      keptBytes,
      dataTls: true,
    });
    if (operation.fate !== 'commit') {
      const { keptBytes, inPlace } = await writer.abandon({ keep: operation.fate === 'keep' });
      yield 'effect';
      const delta =
        inPlace === null
          ? null
          : {
              spaceId: mount.spaceId,
              bytes: inPlace.bytes - (inPlace.replacedBytes ?? 0),
              files: inPlace.replacedBytes === null ? 1 : 0,
            };
      await record.failed(facts('aborted', keptBytes), delta);
      yield 'record';
      return;
    }
    await writer.seal({ sync: false });
    yield 'effect';
    await record.intend({ token: writer.token, facts: facts('completed'), sync: true });
    yield 'record';
    const { replacedBytes } = await writer.publish();
    yield 'effect';
    await record.committed(facts('completed'), {
      spaceId: mount.spaceId,
      bytes: operation.bytes - (replacedBytes ?? 0),
      files: replacedBytes === null ? 1 : 0,
    });
    yield 'record';
    await writer.finish();
    yield 'effect';
  }

  private async *move(file: string, target: string): AsyncGenerator<Step> {
    const [path, to] = [parsePath(file), parsePath(target)];
    const id = newId();
    const record = this.journal.beginMove(session, grant, {
      id,
      from: { mount, backendPath: path, path },
      to: { mount: archive, backendPath: to, path: to },
    });
    yield 'record';
    const options = { id, replace: true, admits: () => true };
    const moved = await this.backend.moveInto(path, this.archive, to, options).catch(() => null);
    yield 'effect';
    if (moved === null) record.cancelled();
    else await record.done(moved);
    yield 'record';
    await moved?.finish();
    yield 'effect';
  }

  private async *remove(file: string): AsyncGenerator<Step> {
    const path = parsePath(file);
    const id = newId();
    const record = this.journal.beginRemoval(session, grant, {
      id,
      mount,
      backendPath: path,
      path,
      renamedFrom: null,
    });
    yield 'record';
    const detached = await this.backend.detach(path, id).catch(() => null);
    yield 'effect';
    await record.done(detached?.bytes ?? null);
    yield 'record';
    await detached?.finish();
    yield 'effect';
  }
}

interface Drained {
  readonly events: Envelope[];
  readonly ledger: SpoolLedgerEntry[];
}

async function drain(spool: EventSpool): Promise<Drained> {
  const { records } = await spool.read(spool.drained, 100_000);
  const drained: Drained = { events: [], ledger: [] };
  for (const record of records) {
    if (record.k !== 'end' && record.k !== 'fact') continue;
    if (record.event !== null) drained.events.push(record.event);
    drained.ledger.push(...record.ledger);
  }
  return drained;
}

/** As the consumer and the ledger do: each id once. */
function applyOnce(all: readonly Drained[]) {
  const events = new Map<string, Envelope>();
  const ledger = new Map<string, SpoolLedgerEntry>();
  for (const drained of all) {
    for (const event of drained.events) if (!events.has(event.id)) events.set(event.id, event);
    for (const entry of drained.ledger) ledger.set(`${entry.eventId}/${entry.spaceId}`, entry);
  }
  const usedIn = (spaceId: string) => {
    const own = [...ledger.values()].filter((entry) => entry.spaceId === spaceId);
    return {
      bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
      files: own.reduce((sum, { files }) => sum + files, 0),
    };
  };
  return { events: [...events.values()], usedIn };
}

async function recover(world: World, folder: string): Promise<Drained> {
  const spool = new EventSpool({ folder, log, spareBytes: 1 });
  const result = await recoverSpool({
    spool,
    backendFor: () => world.backend,
    leaseReleased: async () => undefined,
    log,
  });
  expect(result.unresolved).toBe(0);
  expect(spool.unfinished()).toEqual([]);
  const drained = await drain(spool);
  await spool.close();
  return drained;
}

async function check(world: World, all: readonly Drained[], tornBegins = 0): Promise<void> {
  const { events, usedIn } = applyOnce(all);
  for (const event of events) expect(parseEvent(event)).toMatchObject({ known: true });
  const finals = events.filter((event) => event.type.startsWith('transfer.'));
  expect(finals.map((event) => String(event.data['transferId'])).toSorted()).toEqual(
    world.uploads.slice(0, world.uploads.length - tornBegins).toSorted(),
  );
  expect(usedIn(mount.spaceId)).toEqual(await world.backend.measure({}));
  expect(usedIn(archive.spaceId)).toEqual(await world.archive.measure({}));
}

const away = () => Promise.reject(new Error('not mounted'));

describe.each([
  ['local', () => 'folder' as const],
  ['memory', () => 'memory' as const],
])('recovery of the spool over the %s backend', (_name, kind) => {
  let root: string;
  let count = 0;
  const backends: StorageBackend[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'quayside-recovery-'));
  });
  afterEach(() => {
    for (const backend of backends.splice(0)) backend.close();
    rmSync(root, { recursive: true, force: true });
  });

  function aWorld(): World {
    const folder = join(root, String(++count));
    const open = (name: string): StorageBackend =>
      kind() === 'folder' ? LocalBackend.open({ folder: join(folder, name) }) : new MemoryBackend();
    const [backend, archived] = [open('space'), open('archive')];
    backends.push(backend, archived);
    return new World(backend, archived, join(folder, 'spool'));
  }

  /** The spool as the kernel has it when the process dies; the last record torn by `tear` bytes. */
  function crashed(world: World, tear: number): string {
    const folder = `${world.folder}-${++count}`;
    cpSync(world.folder, folder, { recursive: true });
    rmSync(join(folder, 'lock'));
    if (tear > 0) {
      const last = segmentPath(folder, listSegments(folder).at(-1)!);
      truncateSync(last, Math.max(0, world.spool.end.offset - tear));
    }
    return folder;
  }

  async function crashAfter(operations: readonly Operation[], stop: number, tear: number): Promise<boolean> {
    const world = aWorld();
    let last: Step = 'effect';
    let done = true;
    for await (const step of world.run(operations)) {
      last = step;
      if (world.steps > stop) {
        done = false;
        break;
      }
    }
    const before = await drain(world.spool);
    // A record may be torn only where nothing came after it.
    const folder = crashed(world, last === 'record' ? tear : 0);
    const spare = crashed(world, last === 'record' ? tear : 0);
    const recovered = await recover(world, folder);
    const begun = new Set([...recovered.events, ...before.events].map((event) => event.data['transferId']));
    await check(world, [recovered], world.uploads.filter((id) => !begun.has(id)).length);
    // Killed during recovery, before its results were recorded: it all happens again, to the same end.
    const again = await recover(world, spare);
    await check(world, [again, recovered], world.uploads.filter((id) => !begun.has(id)).length);
    await world.spool.close();
    return done;
  }

  it('ends every upload once and keeps the ledger equal to the files, wherever the worker dies', async () => {
    const operations: Operation[] = [
      { kind: 'upload', file: '/a', bytes: 100, mode: 'staged', fate: 'commit' },
      { kind: 'upload', file: '/a', bytes: 70, mode: 'staged', fate: 'commit' },
      { kind: 'upload', file: '/a', bytes: 30, mode: 'staged', fate: 'keep' },
      { kind: 'upload', file: '/b', bytes: 30, mode: 'staged', fate: 'drop' },
      { kind: 'upload', file: '/c', bytes: 40, mode: 'staged', fate: 'commit' },
      { kind: 'move', file: '/a', to: '/kept' },
      { kind: 'move', file: '/c', to: '/kept' },
      { kind: 'move', file: '/none', to: '/x' },
      { kind: 'upload', file: '/a', bytes: 20, mode: 'staged', fate: 'commit' },
      { kind: 'delete', file: '/a' },
      { kind: 'delete', file: '/none' },
    ];
    let stop = 0;
    while (!(await crashAfter(operations, stop, 0))) stop++;
    expect(stop).toBeGreaterThan(20);
  }, 60_000);

  it('does so with the last record torn at any byte, for any sequence', async () => {
    const file = fc.constantFrom('/a', '/b');
    const operation: fc.Arbitrary<Operation> = fc.oneof(
      fc.record({
        kind: fc.constant('upload' as const),
        file,
        bytes: fc.nat(5_000),
        mode: fc.constant('staged' as const),
        fate: fc.constantFrom('commit' as const, 'commit' as const, 'keep' as const, 'drop' as const),
      }),
      fc.record({ kind: fc.constant('delete' as const), file }),
      fc.record({ kind: fc.constant('move' as const), file, to: file }),
    );
    const checked = fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 1, maxLength: 6 }),
        fc.nat(40),
        fc.nat(400),
        async (operations, stop, tear) => {
          await crashAfter(operations, stop, tear);
        },
      ),
      { numRuns: 60 },
    );
    await expect(checked).resolves.toBeUndefined();
  }, 60_000);

  it('ends an upload whose intent an earlier worker wrote, with the whole event', async () => {
    const world = aWorld();
    const [path, transferId] = [parsePath('/a'), newId()];
    world.uploads.push(transferId);
    const begin = { transferId, mount, backendPath: path, path, verb: 'STOR', startedAtMs: Date.now() };
    world.journal.beginUpload(session, grant, begin);
    const target = { path, accountId: grant.accountId, transferId };
    const writer = await world.backend.openWrite(target, { mode: 'staged', intent: 'replace', start: 0 });
    await writer.write([Buffer.alloc(9)]);
    await writer.seal({ sync: false });
    const [begun] = (await world.spool.read(world.spool.drained, 1)).records as [SpoolBegin];
    const { outcome: _outcome, reason: _reason, keptBytes: _kept, ...data } = begun.event.data;
    const event = { ...begun.event, type: 'transfer.completed', data: { ...data, bytes: 9 } };
    await world.spool.append({ k: 'intent', id: transferId, token: writer.token, event }, { sync: true });
    await writer.publish();
    const recovered = await recover(world, crashed(world, 0));
    await check(world, [recovered]);
    expect(recovered.events).toMatchObject([{ id: begun.event.id, type: 'transfer.completed', data: { bytes: 9 } }]);
    await world.spool.close();
  });

  it('says which leases shrink, and leaves open what the storage cannot tell', async () => {
    const world = aWorld();
    let steps = 0;
    for await (const _step of world.run([{ kind: 'upload', file: '/a', bytes: 9, mode: 'staged', fate: 'commit' }])) {
      if (++steps === 3) break;
    }
    const folder = crashed(world, 0);
    const spool = new EventSpool({ folder, log, spareBytes: 1 });
    const released: unknown[] = [];
    const options = { spool, log, leaseReleased: async (lease: unknown) => void released.push(lease) };
    expect(await recoverSpool({ ...options, backendFor: away })).toMatchObject({ unresolved: 1, failed: 0 });
    expect(await recoverSpool({ ...options, backendFor: () => world.backend })).toMatchObject({ failed: 1 });
    expect(await recoverSpool({ ...options, backendFor: () => world.backend })).toMatchObject({ failed: 0 });
    expect(released).toEqual([expect.objectContaining({ transferId: world.uploads[0], keptBytes: 9 })]);
    const { events } = await drain(spool);
    expect(events.map((event) => [event.type, event.data['reason'], event.data['keptBytes']])).toEqual([
      ['transfer.failed', 'WORKER_LOST', 9],
    ]);
    await spool.close();
    await world.spool.close();
  });
});
