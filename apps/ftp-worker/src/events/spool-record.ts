import { crc32 } from 'node:zlib';
import type { VirtualPath, SpaceBackend } from '@quayside/domain';
import type { Envelope } from '@quayside/events';
import type { UploadIntent } from './upload-intent.js';

/** One change of a ledger. Applied once per `eventId` and `spaceId`, however often it arrives. */
export interface SpoolLedgerEntry {
  readonly eventId: string;
  readonly spaceId: string;
  readonly tenantId: string;
  readonly accountId: string;
  readonly bytes: number;
  readonly files: number;
  /** The upload whose quota lease this entry settles; null for deletions and renames. */
  readonly transferId: string | null;
}

/** Where the bytes of an operation are, so that a later process can find them. */
export interface SpoolPlace {
  readonly mountId: string;
  readonly spaceId: string;
  /** Folder of the space that is mounted. */
  readonly subpath: VirtualPath;
  readonly backend: SpaceBackend;
  /** Path in the mount's backend. */
  readonly path: VirtualPath;
}

/** An operation that a crash may cut in two; everything its final event needs is known from the start. */
export type SpoolBegin =
  | {
      readonly k: 'upload';
      /** The transfer id. */
      readonly id: string;
      readonly place: SpoolPlace;
      readonly accountId: string;
      /** The event as if the upload had failed at once; its id is the id of whichever event ends the upload. */
      readonly event: Envelope;
    }
  | {
      readonly k: 'removal';
      /** The id of the detach. */
      readonly id: string;
      readonly place: SpoolPlace;
      readonly accountId: string;
      /** The event of the deletion, without its bytes. */
      readonly event: Envelope;
    }
  | {
      readonly k: 'move';
      /** The id of the move in the storage, and of its lease. */
      readonly id: string;
      readonly place: SpoolPlace;
      readonly to: SpoolPlace;
      readonly accountId: string;
      /** The event of the rename, without its deltas. */
      readonly event: Envelope;
    };

export type SpoolRecord =
  | SpoolBegin
  | UploadIntent
  /** How an operation ended; closes its begin. `event` is null where nothing happened after all. */
  | {
      readonly k: 'end';
      readonly id: string;
      readonly event: Envelope | null;
      readonly ledger: readonly SpoolLedgerEntry[];
    }
  /** A fact that is whole in itself. */
  | { readonly k: 'fact'; readonly event: Envelope; readonly ledger: readonly SpoolLedgerEntry[] };

/** What is carried to ledger and queue. */
export type DrainableRecord = Extract<SpoolRecord, { k: 'end' | 'fact' }>;

/** Hex digits of the checksum and the space behind it. */
const PREFIX = 9;

/** Most bytes that UTF-8 makes of a UTF-16 unit. */
const UNIT_BYTES = 3;
/** Holds what a turn of the event loop records; a larger one goes after the turn. */
const LINES_BYTES = 64 * 1024;
const HEX = Buffer.from('0123456789abcdef', 'latin1');

/**
 * Records as lines: CRC-32 of the JSON in eight hex digits, a space, the JSON, a newline. JSON holds no raw newline. All
 * go into one buffer that is used again: a buffer for each would be garbage a moment later, and be copied together before
 * the write.
 */
export class RecordLines {
  private buffer = Buffer.allocUnsafeSlow(LINES_BYTES);
  private used = 0;

  /** Returns the length of the record's line. */
  add(record: SpoolRecord): number {
    const json = JSON.stringify(record);
    const start = this.used;
    this.makeRoom(json.length * UNIT_BYTES + PREFIX + 1);
    const { buffer } = this;
    const first = start + PREFIX;
    const end = first + buffer.write(json, first);
    let sum = crc32(buffer.subarray(first, end));
    for (let at = start + PREFIX - 2; at >= start; at--) {
      buffer[at] = HEX[sum & 0xf]!;
      sum >>>= 4;
    }
    buffer[first - 1] = 0x20;
    buffer[end] = 0x0a;
    this.used = end + 1;
    return this.used - start;
  }

  /** All lines since the last {@link clear}; only until then. */
  get bytes(): Buffer {
    return this.buffer.subarray(0, this.used);
  }

  clear(): void {
    this.used = 0;
    if (this.buffer.length > LINES_BYTES) this.buffer = Buffer.allocUnsafeSlow(LINES_BYTES);
  }

  private makeRoom(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.used + bytes));
    this.buffer.copy(larger, 0, 0, this.used);
    this.buffer = larger;
  }
}

/** The record where it has something for ledger or queue: an operation that begins, or is sealed, has not. */
export function drainableOf(record: SpoolRecord): DrainableRecord | null {
  return record.k === 'end' || record.k === 'fact' ? record : null;
}

/** The record of a line without its newline; null where the line is torn or was damaged. */
export function decodeRecord(line: Buffer): SpoolRecord | null {
  if (line.length <= PREFIX || line[PREFIX - 1] !== 0x20) return null;
  const json = line.subarray(PREFIX);
  if (line.toString('latin1', 0, PREFIX - 1) !== crc32(json).toString(16).padStart(8, '0')) return null;
  return JSON.parse(json.toString()) as SpoolRecord;
}
