import { mkdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { DomainError, emptyList } from '@quayside/domain';
import type { Log } from '@quayside/ftp-engine';
import { OpenOperations, type OpenOperation } from './open-operations.js';
import { SegmentWriter } from './segment-writer.js';
import { SpoolLock } from './spool-lock.js';
import { type Drainable, SpoolTail } from './spool-tail.js';
import { decodeRecord, drainableOf, RecordLines, type SpoolBegin, type SpoolRecord } from './spool-record.js';
import {
  linesOf,
  listSegments,
  readCheckpoint,
  segmentPath,
  writeCheckpoint,
  type SpoolPosition,
} from './spool-segments.js';

export interface EventSpoolOptions {
  /** Belongs to this spool alone; made where it is missing. */
  readonly folder: string;
  readonly log: Log;
  /** Most bytes that wait here; new transfers are refused at nine tenths of it. */
  readonly maxBytes?: number;
  readonly segmentBytes?: number | undefined;
  /** Bytes held back for records of what has begun, for when the disk is full. */
  readonly spareBytes?: number;
}

/** `filling` from half of its bytes on, as a warning; `full`: new transfers are refused. */
export type SpoolState = 'ok' | 'filling' | 'full';

export interface SpoolStats {
  /** Records that wait to be applied. */
  readonly depth: number;
  readonly bytes: number;
  readonly maxBytes: number;
  /** Begun and not ended. */
  readonly openOperations: number;
  readonly state: SpoolState;
  /** Facts that found the spool full and are lost. */
  readonly droppedFacts: number;
  /** Records found damaged (a torn tail after a crash is not counted). */
  readonly damaged: number;
}

interface Append {
  readonly record: SpoolRecord;
  /** Length of its line. */
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const READ_BYTES = 256 * 1024;
const BEGIN_SHARE = 0.9;
const FILLING_SHARE = 0.5;

/**
 * The worker's append-only write-ahead log: segments of checksummed lines in one folder. What `append` has resolved
 * survives the death of the process, with `sync` that of the machine. Appends of one turn of the event loop are one
 * write. One process owns the folder.
 */
export class EventSpool {
  /** Called when a recorded change of a ledger gives bytes back, for which an upload may be waiting. */
  onRoomMade: (() => void) | null = null;
  private readonly inherited: readonly OpenOperation[];
  private readonly folder: string;
  private readonly log: Log;
  private readonly maxBytes: number;
  private readonly segmentBytes: number;
  private readonly lock: SpoolLock;
  private readonly writer: SegmentWriter;
  private readonly operations = new OpenOperations();
  private readonly tail = new SpoolTail();
  private readonly segmentSizes = new Map<number, number>();
  /** Of all segments. */
  private bytes = 0;
  private checkpoint: SpoolPosition;
  private pending = emptyList<Append>();
  /** Their lines, in the same order. */
  private readonly lines = new RecordLines();
  private flushTimer: NodeJS.Immediate | null = null;
  private wake: (() => void) | null = null;
  private reading: Promise<unknown> = Promise.resolve();
  private reader: { readonly segment: number; readonly handle: FileHandle } | null = null;
  private depth = 0;
  private damaged = 0;
  private droppedFacts = 0;
  private toldState: SpoolState = 'ok';
  private closed = false;

  /** Takes the folder over from a dead process: cuts a torn tail and finds what was left open. Throws where it cannot. */
  constructor(options: EventSpoolOptions) {
    this.folder = options.folder;
    this.log = options.log;
    this.maxBytes = options.maxBytes ?? 256 * 1024 * 1024;
    this.segmentBytes = options.segmentBytes ?? Math.min(8 * 1024 * 1024, Math.ceil(this.maxBytes / 16));
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.lock = SpoolLock.take(this.folder);
    try {
      const segments = listSegments(this.folder);
      const first = segments[0] ?? 1;
      const checkpoint = readCheckpoint(this.folder);
      this.checkpoint = checkpoint !== null && checkpoint.segment >= first ? checkpoint : { segment: first, offset: 0 };
      for (const segment of segments) this.load(segment, segment === segments.at(-1));
      this.inherited = this.operations.all();
      this.writer = new SegmentWriter(
        this.folder,
        Math.max(segments.at(-1) ?? 1, this.checkpoint.segment),
        options.spareBytes ?? 1024 * 1024,
      );
    } catch (error) {
      this.lock.release();
      throw error;
    }
  }

  /** Where the next record will be; everything before it can be read. */
  get end(): SpoolPosition {
    return { segment: this.writer.segment, offset: this.writer.offset };
  }

  /** Where draining goes on. */
  get drained(): SpoolPosition {
    return this.checkpoint;
  }

  /** Whether a new transfer would be refused. */
  get full(): boolean {
    return this.bytes >= this.maxBytes * BEGIN_SHARE || !this.writer.restoreSpare();
  }

  get state(): SpoolState {
    if (this.full) return 'full';
    return this.bytes >= this.maxBytes * FILLING_SHARE ? 'filling' : 'ok';
  }

  stats(): SpoolStats {
    return {
      depth: this.depth,
      bytes: this.bytes,
      maxBytes: this.maxBytes,
      openOperations: this.operations.size,
      state: this.state,
      droppedFacts: this.droppedFacts,
      damaged: this.damaged,
    };
  }

  /** Record the begin of an operation, written when it returns. Throws `journal.full`. */
  begin(record: SpoolBegin): void {
    if (this.full) throw new DomainError('journal.full');
    let failure: unknown;
    this.enqueue(record, nothing, (error) => (failure = error));
    this.flush();
    if (failure !== undefined) throw failure;
  }

  /**
   * Resolves when the record is written, with `sync` when it is on the disk. Rejects with `journal.full`. The end of an
   * operation is taken for as long as the disk has room at all.
   */
  append(record: SpoolRecord, options: { readonly sync: boolean } = { sync: false }): Promise<void> {
    if (record.k !== 'end' && this.bytes >= this.maxBytes) return Promise.reject(new DomainError('journal.full'));
    const written = new Promise<void>((resolve, reject) => {
      this.enqueue(record, resolve, reject);
    });
    if (!options.sync) return written;
    this.flush();
    return written.then(() => this.writer.sync()).catch(asJournalFull);
  }

  /** Record a fact, written when it returns. Where the spool is full it is dropped and counted. */
  note(record: Extract<SpoolRecord, { k: 'fact' }>): void {
    this.mention(record);
    this.flush();
  }

  /** The same with what else is recorded in this turn of the event loop: for a fact that nobody was told of. */
  mention(record: Extract<SpoolRecord, { k: 'fact' }>): void {
    if (this.bytes >= this.maxBytes) this.dropFact();
    else this.enqueue(record, nothing, this.dropFact);
  }

  /** What an earlier process left open and nobody has closed since. */
  unfinished(): readonly OpenOperation[] {
    return this.inherited.filter((operation) => this.operations.isOpen(operation.begin.id));
  }

  /** Up to `limit` records from `from` on, and the position behind them; never past what is written. */
  read(from: SpoolPosition, limit: number): Promise<{ records: SpoolRecord[]; next: SpoolPosition }> {
    // One at a time, because they share the open segment.
    const read = this.reading.then(() => this.readDisk(from, limit));
    this.reading = read.catch(() => undefined);
    return read;
  }

  /** What there is to carry of up to `limit` records from `from` on, mostly from memory. */
  async drainable(from: SpoolPosition, limit: number): Promise<Drainable> {
    const kept = this.tail.read(from, limit);
    if (kept !== null) return kept;
    const { records, next } = await this.read(from, limit);
    return { records: records.map(drainableOf).filter((record) => record !== null), count: records.length, next };
  }

  /** Resolves when everything written so far is on the disk. */
  sync(): Promise<void> {
    return this.writer.sync();
  }

  private async readDisk(from: SpoolPosition, limit: number): Promise<{ records: SpoolRecord[]; next: SpoolPosition }> {
    const records: SpoolRecord[] = [];
    let { segment, offset } = from;
    let room = READ_BYTES;
    while (records.length < limit) {
      const size = this.sizeOf(segment);
      if (offset >= size) {
        const later = this.segmentAfter(segment);
        if (later === null) break;
        segment = later;
        offset = 0;
        continue;
      }
      const bytes = await this.readBytes(segment, offset, Math.min(room, size - offset));
      let consumed = 0;
      for (const { line, end } of linesOf(bytes)) {
        const record = decodeRecord(line);
        if (record !== null) records.push(record);
        consumed = end;
        if (records.length === limit) break;
      }
      // A line longer than what was read: read more of it.
      if (consumed === 0 && bytes.length < size - offset) room *= 4;
      // A tail without newline in a finished segment is damage.
      else offset += consumed === 0 ? bytes.length : consumed;
    }
    return { records, next: { segment, offset } };
  }

  /** Resolves when there are records behind `position`; at once where there are. */
  async waitFor(position: SpoolPosition, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.isBehind(position)) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener('abort', done);
          this.wake = null;
          resolve();
        };
        this.wake = done;
        signal.addEventListener('abort', done, { once: true });
      });
    }
  }

  /** Whether there are records behind `position`. */
  isBehind(position: SpoolPosition): boolean {
    const { segment, offset } = this.end;
    return position.segment < segment || (position.segment === segment && position.offset < offset);
  }

  /** `count` records up to `position` are drained: remember it and drop the segments before it. */
  advance(position: SpoolPosition, count: number): void {
    this.checkpoint = position;
    this.depth = Math.max(0, this.depth - count);
    writeCheckpoint(this.folder, position);
    for (const segment of this.segmentSizes.keys()) {
      if (segment >= position.segment) break;
      // Oldest first, and begins are written again before they go: an end is never left without its begin having
      // ended with it, so a replay cannot take a finished upload for a lost one.
      if (!this.carry(segment)) break;
      rmSync(segmentPath(this.folder, segment), { force: true });
      this.sized(segment, 0);
      this.segmentSizes.delete(segment);
    }
    this.tellState();
  }

  /** Write what is pending and give the folder up; where nothing is left in it, the segments go. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.flush();
    this.closed = true;
    this.wake?.();
    await this.reader?.handle.close();
    this.reader = null;
    const idle = this.operations.size === 0 && !this.isBehind(this.checkpoint);
    this.writer.close();
    if (idle) {
      // Keep the numbering: a checkpoint must not point into a segment of the next process.
      writeCheckpoint(this.folder, { segment: this.writer.segment + 1, offset: 0 });
      for (const segment of listSegments(this.folder)) rmSync(segmentPath(this.folder, segment), { force: true });
    }
    this.lock.release();
  }

  private sized(segment: number, bytes: number): void {
    this.bytes += bytes - (this.segmentSizes.get(segment) ?? 0);
    this.segmentSizes.set(segment, bytes);
  }

  private readonly dropFact = (): void => {
    this.droppedFacts++;
  };

  private enqueue(record: SpoolRecord, resolve: () => void, reject: (error: unknown) => void): void {
    if (this.closed) {
      reject(new DomainError('journal.full', { cause: new Error('The spool is closed') }));
      return;
    }
    this.pending.push({ record, bytes: this.lines.add(record), resolve, reject });
    this.flushTimer ??= setImmediate(() => this.flush());
  }

  private flush(): void {
    if (this.flushTimer !== null) clearImmediate(this.flushTimer);
    this.flushTimer = null;
    const group = this.pending;
    if (group.length === 0) return;
    this.pending = [];
    let offset: number;
    try {
      if (this.writer.offset >= this.segmentBytes) this.rotate();
      offset = this.writer.offset;
      this.writer.write(this.lines.bytes);
    } catch (error) {
      this.log.error('The spool cannot be written; transfers are refused', { error: String(error) });
      const refusal = new DomainError('journal.full', { cause: error });
      for (const append of group) append.reject(refusal);
      return;
    } finally {
      this.lines.clear();
    }
    this.sized(this.writer.segment, this.writer.offset);
    for (const append of group) {
      this.operations.apply(append.record, this.writer.segment);
      this.tail.push(append.record, { segment: this.writer.segment, offset }, append.bytes);
      offset += append.bytes;
      this.depth++;
      if (makesRoom(append.record)) this.onRoomMade?.();
      append.resolve();
    }
    this.wake?.();
  }

  private rotate(): void {
    this.sized(this.writer.segment, this.writer.offset);
    this.tail.finish(this.end);
    this.writer.rotate();
    this.sized(this.writer.segment, 0);
    this.tellState();
  }

  /** Once for each change; looked at with every segment that begins or goes. */
  private tellState(): void {
    const { state } = this;
    if (state === this.toldState) return;
    this.toldState = state;
    const fields = { bytes: this.bytes, maxBytes: this.maxBytes };
    if (state === 'ok') this.log.info('The spool has room again', fields);
    else if (state === 'full') this.log.error('The spool is full; transfers are refused', fields);
    else this.log.warn('The spool fills; when it is full, transfers are refused', fields);
  }

  /** Write the open operations of `segment` again at the end; false where that is not possible now. */
  private carry(segment: number): boolean {
    // What is pending comes first: an end among it closes its operation.
    this.flush();
    const records = this.operations.toCarry(segment);
    if (records.length === 0) return true;
    const lines = new RecordLines();
    for (const record of records) lines.add(record);
    try {
      this.writer.write(lines.bytes);
      this.writer.syncNow();
    } catch (error) {
      this.log.warn('The spool is short of room; an old segment stays', { error: String(error) });
      return false;
    }
    this.sized(this.writer.segment, this.writer.offset);
    this.operations.carried(segment, this.writer.segment);
    this.depth += records.length;
    this.wake?.();
    return true;
  }

  /** Reads one segment at start. The tail behind the last whole record was torn by the crash and is cut. */
  private load(segment: number, last: boolean): void {
    const path = segmentPath(this.folder, segment);
    const bytes = readFileSync(path);
    let good = 0;
    let bad = 0;
    let badSinceGood = 0;
    for (const { line, end } of linesOf(bytes)) {
      const record = decodeRecord(line);
      if (record === null) {
        badSinceGood++;
        continue;
      }
      bad += badSinceGood;
      badSinceGood = 0;
      good = end;
      this.operations.apply(record, segment);
      if (isAtOrBehind(this.checkpoint, segment, end)) this.depth++;
    }
    if (last && good < bytes.length) {
      truncateSync(path, good);
      this.log.warn('The spool ended in a torn record, which was cut', { segment, bytes: bytes.length - good });
    } else if (!last) bad += badSinceGood;
    if (bad > 0) {
      this.damaged += bad;
      this.log.error('The spool holds damaged records, which were passed over', { segment, records: bad });
    }
    this.sized(segment, statSync(path).size);
    // A checkpoint behind the end belongs to a tail that was cut.
    if (this.checkpoint.segment === segment && this.checkpoint.offset > good && last) {
      this.checkpoint = { segment, offset: good };
    }
  }

  private sizeOf(segment: number): number {
    return segment === this.writer.segment ? this.writer.offset : (this.segmentSizes.get(segment) ?? 0);
  }

  private segmentAfter(segment: number): number | null {
    for (const other of this.segmentSizes.keys()) if (other > segment) return other;
    return segment < this.writer.segment ? this.writer.segment : null;
  }

  private async readBytes(segment: number, offset: number, length: number): Promise<Buffer> {
    if (this.reader?.segment !== segment) {
      await this.reader?.handle.close();
      this.reader = null;
      this.reader = { segment, handle: await open(segmentPath(this.folder, segment), 'r') };
    }
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.reader.handle.read(buffer, 0, length, offset);
    if (bytesRead === 0) throw new Error(`The spool's segment ${segment} ends before offset ${offset}`);
    return buffer.subarray(0, bytesRead);
  }
}

function isAtOrBehind(checkpoint: SpoolPosition, segment: number, recordEnd: number): boolean {
  return segment > checkpoint.segment || (segment === checkpoint.segment && recordEnd > checkpoint.offset);
}

function nothing(): void {}

function makesRoom(record: SpoolRecord): boolean {
  return (record.k === 'end' || record.k === 'fact') && record.ledger.some(({ bytes }) => bytes < 0);
}

function asJournalFull(error: unknown): never {
  throw error instanceof DomainError ? error : new DomainError('journal.full', { cause: error });
}
