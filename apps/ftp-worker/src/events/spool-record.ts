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

/** One line: CRC-32 of the JSON in eight hex digits, a space, the JSON, a newline. JSON holds no raw newline. */
export function encodeRecord(record: SpoolRecord): Buffer {
  const json = JSON.stringify(record);
  const end = PREFIX + Buffer.byteLength(json);
  const line = Buffer.allocUnsafe(end + 1);
  line.write(json, PREFIX);
  line.write(`${crc32(line.subarray(PREFIX, end)).toString(16).padStart(8, '0')} `, 0, 'latin1');
  line[end] = 0x0a;
  return line;
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
