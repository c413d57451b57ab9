import type { SpoolRecord } from './spool-record.js';
import type { SpoolPosition } from './spool-segments.js';

interface Entry {
  readonly record: SpoolRecord;
  readonly at: SpoolPosition;
  readonly end: number;
}

/** What comes while a batch is held. With the envelopes they hold about six megabytes. */
export const TAIL_RECORDS = 6_000;

/**
 * The records written last, as they were given: what is drained a moment later needs neither be read from the disk nor
 * parsed. Where more wait than it keeps, the oldest are read from the disk.
 */
export class SpoolTail {
  private entries: Entry[] = [];
  /** Where finished segments end. */
  private readonly ends = new Map<number, number>();

  constructor(private readonly mostRecords = TAIL_RECORDS) {}

  push(record: SpoolRecord, at: SpoolPosition, bytes: number): void {
    this.entries.push({ record, at, end: at.offset + bytes });
    // In blocks, so that a long backlog does not move the whole list with each record.
    if (this.entries.length >= 2 * this.mostRecords) this.entries = this.entries.slice(-this.mostRecords);
  }

  /** The segment got its last byte. */
  finish({ segment, offset }: SpoolPosition): void {
    this.ends.set(segment, offset);
  }

  /**
   * What was written from `from` on without a gap; null where the record there is not kept. What lies before is dropped:
   * whoever drains has it, and asks again for some of it only where a queue has lost it.
   */
  read(from: SpoolPosition, limit: number): { records: SpoolRecord[]; next: SpoolPosition } | null {
    const first = this.entries.findIndex(({ at }) => at.segment === from.segment && at.offset === from.offset);
    if (first < 0) return null;
    const records: SpoolRecord[] = [];
    let next = from;
    for (let index = first; index < this.entries.length && records.length < limit; index++) {
      const { record, at, end } = this.entries[index]!;
      if (this.ends.get(next.segment) === next.offset) next = { segment: next.segment + 1, offset: 0 };
      // What lies between was written past this list.
      if (at.segment !== next.segment || at.offset !== next.offset) break;
      records.push(record);
      next = { segment: at.segment, offset: end };
    }
    this.entries = this.entries.slice(first);
    for (const finished of this.ends.keys()) if (finished < from.segment) this.ends.delete(finished);
    return { records, next };
  }
}
