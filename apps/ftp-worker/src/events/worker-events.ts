import { join } from 'node:path';
import type { Config, WorkerPlace } from '@quayside/config';
import type { QuotaLedgerRepository } from '@quayside/database';
import type { Log } from '@quayside/ftp-engine';
import type { EventPublisher } from '@quayside/queue';
import type { SpaceBackends } from '../storage/storage-resolver.js';
import type { EventSource } from './event-builder.js';
import { EventSpool } from './event-spool.js';
import { type DrainTargets, SpoolDrainer } from './spool-drainer.js';
import { SpoolJournal } from './spool-journal.js';
import { dropLeftover, leftoverSpools } from './spool-leftovers.js';
import { recoverSpool } from './spool-recovery.js';

export interface WorkerEventsParts {
  readonly config: Config;
  readonly place: WorkerPlace;
  readonly source: EventSource;
  readonly ledger: Pick<QuotaLedgerRepository, 'apply' | 'release'>;
  readonly publisher: EventPublisher;
  readonly backends: SpaceBackends;
  readonly log: Log;
}

/** What waits in the spool may take this long to go out when the worker ends; the next process carries the rest. */
const FINAL_DRAIN_MS = 5_000;
/** A spool that a lowered FTP_WORKERS left behind is given this long at the start of slot 0. */
const LEFTOVER_DRAIN_MS = 20_000;
const RECOVER_AGAIN_MS = 15_000;

/** The worker's spool with all that belongs to it: journal, drainer, and the recovery of what a dead process left. */
export class WorkerEvents {
  readonly spool: EventSpool;
  readonly journal: SpoolJournal;
  private readonly drainer: SpoolDrainer;
  private retry: NodeJS.Timeout | null = null;

  /** Takes the slot's spool over; throws where another process has it. */
  constructor(private readonly parts: WorkerEventsParts) {
    const { config, place, source, log } = parts;
    this.spool = this.open(join(config.spool.dir, String(place.slot)));
    this.journal = new SpoolJournal({ spool: this.spool, source });
    this.drainer = new SpoolDrainer({ spool: this.spool, targets: this.targets(), log });
  }

  /** Ends what an earlier process of the slot left open, then carries records to ledger and queue. */
  async start(): Promise<void> {
    await this.recover();
    this.drainer.start();
    if (this.parts.place.slot === 0) await this.adoptLeftovers();
  }

  /** Carries what has been recorded as far as it goes in a short time, and gives the folder back. */
  async stop(): Promise<void> {
    if (this.retry !== null) clearTimeout(this.retry);
    await this.drainer.drain(FINAL_DRAIN_MS);
    await this.drainer.stop();
    await this.spool.close();
  }

  private open(folder: string): EventSpool {
    const { config, log } = this.parts;
    return new EventSpool({ folder, maxBytes: config.spool.maxBytes, log });
  }

  private targets(): DrainTargets {
    const { ledger, publisher } = this.parts;
    return {
      applyLedger: async (entries) => {
        await ledger.apply(entries);
      },
      publish: (events) => publisher.publish(events),
    };
  }

  private async recover(): Promise<void> {
    const { log } = this.parts;
    const result = await this.recoverSpool(this.spool);
    if (result.completed + result.failed + result.removed > 0)
      log.info('recovered what a dead worker left', { ...result });
    if (result.unresolved === 0) return;
    this.retry = setTimeout(() => void this.recover(), RECOVER_AGAIN_MS);
    this.retry.unref();
  }

  private recoverSpool(spool: EventSpool): ReturnType<typeof recoverSpool> {
    const { backends, config, ledger, log } = this.parts;
    return recoverSpool({
      spool,
      backendFor: (place) => backends.backendFor(place),
      leaseReleased: async ({ transferId, keptBytes }) => {
        await ledger.release(transferId, keptBytes, config.storage.partialTtlMs);
      },
      log,
    });
  }

  private async adoptLeftovers(): Promise<void> {
    const { config, place, log } = this.parts;
    for (const folder of leftoverSpools(config.spool.dir, place.count)) {
      const spool = this.open(folder);
      const drainer = new SpoolDrainer({ spool, targets: this.targets(), log });
      const { unresolved } = await this.recoverSpool(spool);
      drainer.start();
      const drained = await drainer.drain(LEFTOVER_DRAIN_MS);
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
