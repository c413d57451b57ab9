import { join } from 'node:path';
import type { Config, WorkerPlace } from '@quayside/config';
import {
  type AppliedEventsRepository,
  type DeadEventRepository,
  isContentRefused,
  type QuotaLedgerRepository,
} from '@quayside/database';
import { DomainError } from '@quayside/domain';
import type { Log } from '@quayside/ftp-engine';
import { type EventPublisher, EventsRefusedError } from '@quayside/queue';
import type { SpaceBackends } from '../storage/storage-resolver.js';
import type { EventSource } from './event-builder.js';
import { EventSpool, type SpoolStats } from './event-spool.js';
import { ContentRefusedError } from './split-delivery.js';
import { type DrainTargets, type RefusedPart, SpoolDrainer } from './spool-drainer.js';
import { SpoolJournal } from './spool-journal.js';
import type { SpoolLedgerEntry } from './spool-record.js';
import { dropLeftover, leftoverSpools } from './spool-leftovers.js';
import { type LostLease, recoverSpool } from './spool-recovery.js';

export interface WorkerEventsParts {
  readonly config: Config;
  readonly place: WorkerPlace;
  readonly source: EventSource;
  readonly ledger: Pick<QuotaLedgerRepository, 'apply' | 'release' | 'reserve'>;
  /** The ledger has applied what these transfers changed, or never will: their leases have nothing more to stand for. */
  readonly onSettled: (transferIds: readonly string[]) => void;
  readonly applied: Pick<AppliedEventsRepository, 'unapplied'>;
  readonly dead: Pick<DeadEventRepository, 'add'>;
  readonly publisher: Pick<EventPublisher, 'publish' | 'queued'>;
  readonly backends: SpaceBackends;
  /** Of a segment of the spool; its own measure without. */
  readonly segmentBytes?: number;
  readonly log: Log;
}

/** What waits in the spool may take this long to go out when the worker ends; the next process carries the rest. */
const FINAL_DRAIN_MS = 5_000;
/** And this long to be applied, so that nothing is left for a next process that may never come. */
const FINAL_APPLY_MS = 2_000;
/** A spool that a lowered FTP_WORKERS left behind is given this long at the start of slot 0. */
const LEFTOVER_DRAIN_MS = 20_000;
const RECOVER_AGAIN_MS = 15_000;
/** Between reserving the bytes of a found partial and keeping them. */
const LEASE_TTL_MS = 60_000;

/** The worker's spool with all that belongs to it: journal, drainer, and the recovery of what a dead process left. */
export class WorkerEvents {
  readonly spool: EventSpool;
  readonly journal: SpoolJournal;
  private readonly drainer: SpoolDrainer;
  private retry: NodeJS.Timeout | null = null;

  /** Takes the slot's spool over; throws where another process has it. */
  constructor(private readonly parts: WorkerEventsParts) {
    const { config, place, source } = parts;
    this.spool = this.open(join(config.spool.dir, String(place.slot)));
    this.journal = new SpoolJournal({ spool: this.spool, source });
    this.drainer = this.drainerOf(this.spool);
  }

  /** Ends what an earlier process of the slot left open, then carries records to ledger and queue. */
  async start(): Promise<void> {
    await this.recover();
    this.drainer.start();
    if (this.parts.place.slot === 0) await this.adoptLeftovers();
  }

  /** Carries what is recorded by now to ledger and queue; false where that took longer than `deadlineMs`. */
  settle(deadlineMs: number): Promise<boolean> {
    return this.drainer.drain(deadlineMs);
  }

  /** What waits, for health and metrics. */
  stats(): SpoolStats & ReturnType<SpoolDrainer['stats']> {
    return { ...this.spool.stats(), ...this.drainer.stats() };
  }

  /** Carries what has been recorded as far as it goes in a short time, and gives the folder back. */
  async stop(): Promise<void> {
    if (this.retry !== null) clearTimeout(this.retry);
    if (await this.drainer.drain(FINAL_DRAIN_MS)) await this.drainer.apply(FINAL_APPLY_MS);
    await this.drainer.stop();
    await this.spool.close();
  }

  private open(folder: string): EventSpool {
    const { config, log, segmentBytes } = this.parts;
    return new EventSpool({ folder, maxBytes: config.spool.maxBytes, segmentBytes, log });
  }

  private drainerOf(spool: EventSpool): SpoolDrainer {
    const { config, log } = this.parts;
    return new SpoolDrainer({ spool, targets: this.targets(), log, sync: config.storage.fsync });
  }

  private targets(): DrainTargets {
    const { applied, dead, ledger, onSettled, publisher } = this.parts;
    const settled = (entries: readonly SpoolLedgerEntry[]): void =>
      onSettled(entries.flatMap(({ transferId }) => transferId ?? []));
    return {
      applyLedger: async (entries) => {
        try {
          await ledger.apply(entries);
          settled(entries);
        } catch (error) {
          throw isContentRefused(error) ? new ContentRefusedError(error) : error;
        }
      },
      publish: async (events, round) => {
        try {
          return await publisher.publish(events, round);
        } catch (error) {
          throw error instanceof EventsRefusedError ? new ContentRefusedError(error) : error;
        }
      },
      unapplied: (events) => applied.unapplied(events),
      queued: (jobIds) => publisher.queued(jobIds),
      setAside: async (refused, fault) => {
        await dead.add({ ...deadEvent(refused), source: 'spool', fault });
        if (refused.part === 'ledger') settled([refused.entry]);
      },
    };
  }

  private async recover(): Promise<void> {
    const { log } = this.parts;
    const result = await this.recoverSpool(this.spool);
    if (result.completed + result.failed + result.removed + result.moved > 0)
      log.info('recovered what a dead worker left', { ...result });
    if (result.unresolved === 0) return;
    this.retry = setTimeout(() => void this.recover(), RECOVER_AGAIN_MS);
    this.retry.unref();
  }

  private recoverSpool(spool: EventSpool): ReturnType<typeof recoverSpool> {
    const { backends, log } = this.parts;
    return recoverSpool({
      spool,
      backendFor: (place) => backends.backendFor(place),
      leaseReleased: (lease) => this.keepLost(lease),
      log,
    });
  }

  /** The partial that a dead worker left stays counted; where the quota has no room for it any more, it goes. */
  private async keepLost({ transferId, keptBytes, tenantId, accountId, place }: LostLease): Promise<void> {
    const { backends, config, ledger, source } = this.parts;
    const keep = (): Promise<number> => ledger.release(transferId, keptBytes, config.storage.partialTtlMs);
    if ((await keep()) >= keptBytes) return;
    // Its lease had ended already, or there never was one because nothing limits the space.
    const again = await ledger
      .reserve(tenantId!, place.spaceId, {
        leaseId: transferId,
        accountId,
        workerId: source.worker,
        needBytes: keptBytes,
        wantBytes: keptBytes,
        files: 0,
        startedAt: new Date(),
        ttlMs: LEASE_TTL_MS,
        takesLeaseId: transferId,
      })
      .catch((error: unknown) => {
        if (error instanceof DomainError && error.code === 'space.not-found') return { verdict: 'refused' as const };
        throw error;
      });
    if (again.verdict === 'granted' && (await keep()) >= keptBytes) return;
    await backends.backendFor(place).dropPartial(place.path, accountId);
    await ledger.release(transferId);
  }

  private async adoptLeftovers(): Promise<void> {
    const { config, place, log } = this.parts;
    for (const folder of leftoverSpools(config.spool.dir, place.count)) {
      const spool = this.open(folder);
      const drainer = this.drainerOf(spool);
      const { unresolved } = await this.recoverSpool(spool);
      drainer.start();
      const drained = await drainer.apply(LEFTOVER_DRAIN_MS);
      await drainer.stop();
      await spool.close();
      if (drained && unresolved === 0) dropLeftover(folder);
      else
        log.warn('the spool of a slot that is gone could not be carried yet; it is tried again at the next start', {
          folder,
        });
    }
  }
}

function deadEvent(refused: RefusedPart) {
  if (refused.part === 'event') {
    const { id, type, at, tenantId } = refused.event;
    return { id, part: refused.part, type, at, tenantId, content: JSON.stringify(refused.event) };
  }
  const { entry, event } = refused;
  return {
    id: entry.eventId,
    part: refused.part,
    type: event?.type ?? 'unknown',
    at: event?.at ?? new Date().toISOString(),
    tenantId: entry.tenantId,
    content: JSON.stringify(entry),
  };
}
