import { emptyList } from '@quayside/domain';
import { type DrainableRecord, drainableOf, type SpoolRecord } from './spool-record.js';
import type { SpoolPosition } from './spool-segments.js';

interface Entry {
  /** Null for a record that nothing is carried of: it would only be moved by every collection of garbage. */
  readonly record: DrainableRecord | null;
  readonly segment: number;
  readonly offset: number;
  readonly end: number;
}

/** What waits to be drained, as far as it was asked for. */
export interface Drainable {
  readonly records: DrainableRecord[];
  /** Of how many records of the spool these are what is carried. */
  readonly count: number;
  readonly next: SpoolPosition;
}

/** What comes while a batch is held: up to nine megabytes of envelopes, of uploads, which have three records, a third. */
export const TAIL_RECORDS = 9_000;

/**
 * What is to be drained of the records written last, as they were given: a moment later it needs neither be read from the
 * disk nor parsed. Where more wait than it keeps, the oldest are read from the disk.
 */
export class SpoolTail {
  private entries = emptyList<Entry>();
  /** Where finished segments end. */
  private readonly ends = new Map<number, number>();

  constructor(private readonly mostRecords = TAIL_RECORDS) {}

  push(record: SpoolRecord, at: SpoolPosition, bytes: number): void {
    this.entries.push({
      record: drainableOf(record),
      segment: at.segment,
      offset: at.offset,
      end: at.offset + bytes,
    });
    // In blocks, so that a long backlog does not move the whole list with each record.
    if (this.entries.length >= 1.25 * this.mostRecords) this.entries = this.entries.slice(-this.mostRecords);
  }

  /** The segment got its last byte. */
  finish({ segment, offset }: SpoolPosition): void {
    this.ends.set(segment, offset);
  }

  /**
   * What was written from `from` on without a gap; null where the record there is not kept. What lies before is dropped:
   * whoever drains has it, and asks again for some of it only where a queue has lost it.
   */
  read(from: SpoolPosition, limit: number): Drainable | null {
    const first = this.entries.findIndex(({ segment, offset }) => segment === from.segment && offset === from.offset);
    if (first < 0) return null;
    const records: DrainableRecord[] = [];
    let { segment, offset } = from;
    let count = 0;
    while (count < limit && first + count < this.entries.length) {
      const entry = this.entries[first + count]!;
      if (this.ends.get(segment) === offset) {
        segment++;
        offset = 0;
      }
      // What lies between was written past this list.
      if (entry.segment !== segment || entry.offset !== offset) break;
      if (entry.record !== null) records.push(entry.record);
      offset = entry.end;
      count++;
    }
    this.entries = this.entries.slice(first);
    for (const finished of this.ends.keys()) if (finished < from.segment) this.ends.delete(finished);
    return { records, count, next: { segment, offset } };
  }
}
