import type { Log } from '@quayside/ftp-engine';
import type { StorageBackend } from '@quayside/storage';
import { ledgerEntry, moveDeltas, moveEntries } from './event-builder.js';
import type { EventSpool } from './event-spool.js';
import type { OpenOperation } from './open-operations.js';
import type { SpoolPlace } from './spool-record.js';
import { completedEvent } from './upload-intent.js';

export interface SpoolRecoveryOptions {
  readonly spool: EventSpool;
  /** The backend of a mount, rooted at its subpath. */
  readonly backendFor: (place: SpoolPlace) => StorageBackend | Promise<StorageBackend>;
  /** An upload or move failed with its worker: its lease shrinks to what is kept (0: it goes). Called again after a crash. */
  readonly leaseReleased: (lease: LostLease) => Promise<void>;
  readonly log: Log;
  readonly nowMs?: () => number;
}

/** The lease of an upload, or of a move, whose worker died. */
export interface LostLease {
  readonly transferId: string;
  readonly keptBytes: number;
  readonly tenantId: string | null;
  readonly accountId: string;
  readonly place: SpoolPlace;
}

export interface SpoolRecoveryResult {
  readonly completed: number;
  readonly failed: number;
  readonly removed: number;
  readonly moved: number;
  readonly cancelled: number;
  /** Still open, because the storage could not say; run the recovery again. */
  readonly unresolved: number;
}

type Outcome = Exclude<keyof SpoolRecoveryResult, 'unresolved'>;

/**
 * Ends what a dead worker left open: each upload becomes its one `transfer.completed` with the exact delta or one
 * `transfer.failed`, each removal its `file.deleted` or nothing, each move its `file.renamed` or nothing. Event ids were fixed at the begin, so running it again
 * after another crash makes no second event.
 */
export async function recoverSpool(options: SpoolRecoveryOptions): Promise<SpoolRecoveryResult> {
  const result = { completed: 0, failed: 0, removed: 0, moved: 0, cancelled: 0, unresolved: 0 };
  for (const operation of options.spool.unfinished()) {
    try {
      result[await recoverOperation(options, operation)]++;
    } catch (error) {
      result.unresolved++;
      options.log.error('An interrupted operation could not be recovered yet', {
        id: operation.begin.id,
        error: String(error),
      });
    }
  }
  return result;
}

async function recoverOperation(options: SpoolRecoveryOptions, operation: OpenOperation): Promise<Outcome> {
  const backend = await options.backendFor(operation.begin.place);
  const { begin } = operation;
  if (begin.k === 'upload') return recoverUpload(options, operation, backend);
  return begin.k === 'move' ? recoverMove(options, begin, backend) : recoverRemoval(options, operation, backend);
}

async function recoverUpload(
  { spool, leaseReleased, nowMs = Date.now }: SpoolRecoveryOptions,
  { begin, intent }: OpenOperation,
  backend: StorageBackend,
): Promise<Outcome> {
  const { id, place, accountId } = begin;
  const target = { path: place.path, accountId, transferId: id };
  const recovery = await backend.recoverUpload(target, intent?.token ?? null);
  if (recovery.published) {
    const delta = deltaOf(place.spaceId, recovery);
    // Only a sealed upload is ever published, and its intent is on the disk before.
    const said = intent === null ? begin.event : completedEvent(begin.event, intent);
    const event = { ...said, data: { ...said.data, fileBytes: recovery.bytes, delta } };
    // On the disk before it can be drained: a second recovery must not settle on another time for the same id.
    await spool.append({ k: 'end', id, event, ledger: [ledgerEntry(event, delta, id)] }, { sync: true });
    await recovery.finish();
    return intent === null ? 'failed' : 'completed';
  }
  const { keptBytes, inPlace } = recovery;
  const delta = inPlace === null ? null : deltaOf(place.spaceId, inPlace);
  const { tenantId } = begin.event;
  await leaseReleased({ transferId: id, keptBytes: inPlace === null ? keptBytes : 0, tenantId, accountId, place });
  const at = new Date(nowMs()).toISOString();
  const event = { ...begin.event, at, data: { ...begin.event.data, finishedAt: at, keptBytes, delta } };
  const ledger = delta === null ? [] : [ledgerEntry(event, delta, id)];
  await spool.append({ k: 'end', id, event, ledger }, { sync: true });
  return 'failed';
}

function deltaOf(spaceId: string, now: { readonly bytes: number; readonly replacedBytes: number | null }) {
  return {
    spaceId,
    bytes: now.bytes - (now.replacedBytes ?? 0),
    files: now.replacedBytes === null ? 1 : 0,
  };
}

async function recoverRemoval(
  { spool }: SpoolRecoveryOptions,
  { begin }: OpenOperation,
  backend: StorageBackend,
): Promise<Outcome> {
  const detached = await backend.recoverDetach(begin.id);
  if (detached === null) {
    await spool.append({ k: 'end', id: begin.id, event: null, ledger: [] }, { sync: true });
    return 'cancelled';
  }
  const delta = { spaceId: begin.place.spaceId, bytes: 0 - detached.bytes, files: -1 };
  const event = { ...begin.event, data: { ...begin.event.data, bytes: detached.bytes, delta } };
  await spool.append({ k: 'end', id: begin.id, event, ledger: [ledgerEntry(event, delta, null)] }, { sync: true });
  await detached.finish();
  return 'removed';
}

async function recoverMove(
  { spool, leaseReleased }: SpoolRecoveryOptions,
  { id, place, to, accountId, event: begun }: Extract<OpenOperation['begin'], { k: 'move' }>,
  backend: StorageBackend,
): Promise<Outcome> {
  const moved = await backend.recoverMove(id, place.path);
  if (moved === null) {
    await leaseReleased({ transferId: id, keptBytes: 0, tenantId: begun.tenantId, accountId, place: to });
    await spool.append({ k: 'end', id, event: null, ledger: [] }, { sync: true });
    return 'cancelled';
  }
  const deltas = moveDeltas(place, to, moved);
  const event = { ...begun, data: { ...begun.data, deltas } };
  await spool.append({ k: 'end', id, event, ledger: moveEntries(event, deltas, { id, to }) }, { sync: true });
  await moved.finish();
  return 'moved';
}
