import { emptyList } from '@quayside/domain';
import type { Envelope } from '@quayside/events';
import type { SpoolPosition } from './spool-segments.js';

/** What finds an event in the log. */
export type EventKey = Pick<Envelope, 'id' | 'at'>;

/** A job of the queue and the events it carries. */
export interface SentJob {
  readonly jobId: string;
  readonly eventIds: readonly string[];
}

/** Records that ledger and queue have taken, and what the log does not have of them yet. */
export interface SentBatch {
  readonly from: SpoolPosition;
  readonly next: SpoolPosition;
  readonly records: number;
  /** When the oldest of its events happened; null where it holds none. */
  readonly oldestMs: number | null;
  readonly waiting: Map<string, EventKey>;
  jobs: readonly SentJob[];
  sentAtMs: number;
  /** How often it has been published. */
  round: number;
}

/** Batches between queue and log, oldest first. Their events stay in the spool; here are only the keys. */
export class SentBatches {
  private readonly batches = emptyList<SentBatch>();
  private keys = 0;
  private sentRecords = 0;

  /** Records of the spool that have been sent and wait for others or themselves to be applied. */
  get records(): number {
    return this.sentRecords;
  }

  /** Events that the log is not known to have. */
  get waiting(): number {
    return this.keys;
  }

  get oldest(): SentBatch | undefined {
    return this.batches[0];
  }

  add(batch: SentBatch): void {
    this.batches.push(batch);
    this.keys += batch.waiting.size;
    this.sentRecords += batch.records;
  }

  /** The oldest batches with about `most` events that wait. */
  head(most: number): SentBatch[] {
    let keys = 0;
    const head: SentBatch[] = [];
    for (const batch of this.batches) {
      if (keys >= most) break;
      keys += batch.waiting.size;
      head.push(batch);
    }
    return head;
  }

  /** All events of `batches` but these have been applied. */
  confirm(batches: readonly SentBatch[], unapplied: ReadonlySet<string>): void {
    for (const { waiting } of batches) {
      for (const id of waiting.keys()) {
        if (unapplied.has(id)) continue;
        waiting.delete(id);
        this.keys--;
      }
    }
  }

  /** Takes off the oldest batches of which nothing waits; null where there are none. */
  takeApplied(): { readonly position: SpoolPosition; readonly records: number } | null {
    let position: SpoolPosition | null = null;
    let records = 0;
    while (this.batches[0]?.waiting.size === 0) {
      const batch = this.batches.shift()!;
      position = batch.next;
      records += batch.records;
    }
    this.sentRecords -= records;
    return position === null ? null : { position, records };
  }
}
