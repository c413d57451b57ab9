import type { Envelope } from '@quayside/events';
import type { Log } from '@quayside/ftp-engine';
import type { EventSpool } from './event-spool.js';
import type { SpoolLedgerEntry, SpoolRecord } from './spool-record.js';
import type { SpoolPosition } from './spool-segments.js';

/** Where the spool is drained to. Both may be given the same things again and apply them once. */
export interface DrainTargets {
  applyLedger(entries: readonly SpoolLedgerEntry[]): Promise<void>;
  publish(events: readonly Envelope[]): Promise<void>;
}

export interface SpoolDrainerOptions {
  readonly spool: EventSpool;
  readonly targets: DrainTargets;
  readonly log: Log;
  /** How long a first record waits for company. */
  readonly lingerMs?: number;
}

/** A batch of this size tells that more are coming. */
const BUSY_RECORDS = 25;
/**
 * The wait is this many times as long then: what a batch costs database and queue hardly depends on its size. An upload
 * that waits for room counts on deletions to be in the ledger after 150 ms (upload-lease.ts), so it cannot be much.
 */
const BUSY_LINGER = 2;
/** Records read at once where many wait; the publisher makes jobs of at most 100 events of them. */
const READ_RECORDS = 500;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;

/**
 * Carries the spool's records, in their order, to the ledger and the queue, and moves the checkpoint when both have
 * them. While one of them is away it holds one batch in memory and tries again; the rest waits on the disk.
 */
export class SpoolDrainer {
  private readonly stopping = new AbortController();
  private running: Promise<void> | null = null;
  private hurry = false;
  private busy = false;
  private interrupt: (() => void) | null = null;
  private headSinceMs: number | null = null;
  private failures = 0;

  constructor(private readonly options: SpoolDrainerOptions) {}

  start(): void {
    this.running ??= this.run();
  }

  /** Ends after the batch that is under way; what waits stays on the disk. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.interrupt?.();
    await this.running;
  }

  /** Wait until everything recorded before this call is drained; false where that took longer than `deadlineMs`. */
  async drain(deadlineMs: number): Promise<boolean> {
    const { spool } = this.options;
    const target = spool.end;
    const deadline = AbortSignal.timeout(deadlineMs);
    this.hurry = true;
    this.interrupt?.();
    while (!reached(spool.drained, target)) {
      if (deadline.aborted || this.stopping.signal.aborted) return false;
      await this.nextCheckpoint(deadline);
    }
    return true;
  }

  /** Age of the oldest record that is being carried, and how often it was refused in a row; for health and metrics. */
  stats(): { readonly oldestMs: number; readonly failures: number } {
    return {
      oldestMs: this.headSinceMs === null ? 0 : Math.max(0, Date.now() - this.headSinceMs),
      failures: this.failures,
    };
  }

  private readonly checkpointWaiters = new Set<() => void>();

  private nextCheckpoint(deadline: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        deadline.removeEventListener('abort', done);
        this.checkpointWaiters.delete(done);
        resolve();
      };
      this.checkpointWaiters.add(done);
      deadline.addEventListener('abort', done, { once: true });
    });
  }

  private async run(): Promise<void> {
    const { spool, lingerMs = 50 } = this.options;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await spool.waitFor(spool.drained, signal);
      if (signal.aborted) break;
      const lingers = !this.hurry && spool.stats().depth < READ_RECORDS;
      if (lingers) await this.pause(this.busy ? lingerMs * BUSY_LINGER : lingerMs);
      this.hurry = false;
      await this.carryBatch(spool.drained);
    }
    this.wakeWaiters();
  }

  private async carryBatch(from: SpoolPosition): Promise<void> {
    const { spool, log } = this.options;
    let batch: { records: SpoolRecord[]; next: SpoolPosition };
    try {
      batch = await spool.read(from, READ_RECORDS);
    } catch (error) {
      this.failures++;
      log.error('The spool cannot be read', { error: String(error) });
      await this.backOff();
      return;
    }
    this.busy = batch.records.length >= BUSY_RECORDS;
    const events = batch.records.flatMap(eventOf);
    this.headSinceMs = events.length === 0 ? null : Date.parse(events[0]!.at);
    if (!(await this.deliver(events, batch.records.flatMap(ledgerOf)))) return;
    this.headSinceMs = null;
    spool.advance(batch.next, batch.records.length);
    this.wakeWaiters();
  }

  /** Resolves to false where the drainer is stopped before both took it. */
  private async deliver(events: readonly Envelope[], ledger: readonly SpoolLedgerEntry[]): Promise<boolean> {
    const { targets, log } = this.options;
    const open = new Map<string, () => Promise<void>>();
    if (ledger.length > 0) open.set('database', () => targets.applyLedger(ledger));
    if (events.length > 0) open.set('queue', () => targets.publish(events));
    for (;;) {
      await Promise.all(
        [...open].map(async ([name, send]) => {
          try {
            await send();
            open.delete(name);
          } catch (error) {
            if (this.failures % 10 === 0) {
              log.warn(`Recorded events wait on disk: the ${name} does not take them`, { error: String(error) });
            }
          }
        }),
      );
      if (open.size === 0) break;
      this.failures++;
      if (this.stopping.signal.aborted) return false;
      await this.backOff();
      if (this.stopping.signal.aborted) return false;
    }
    if (this.failures > 0) log.info('Recorded events are being taken again');
    this.failures = 0;
    return true;
  }

  private backOff(): Promise<void> {
    const ms = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.failures - 1, 10), LAST_RETRY_MS);
    // Jitter, so that the workers of all nodes do not knock together.
    return this.pause(ms * (0.75 + Math.random() * 0.5));
  }

  /** Ends early when somebody waits for the drain or stops it. */
  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.interrupt = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.interrupt = done;
    });
  }

  private wakeWaiters(): void {
    for (const wake of this.checkpointWaiters) wake();
  }
}

function reached(position: SpoolPosition, target: SpoolPosition): boolean {
  return position.segment > target.segment || (position.segment === target.segment && position.offset >= target.offset);
}

function eventOf(record: SpoolRecord): Envelope[] {
  return (record.k === 'fact' || record.k === 'end') && record.event !== null ? [record.event] : [];
}

function ledgerOf(record: SpoolRecord): readonly SpoolLedgerEntry[] {
  return record.k === 'fact' || record.k === 'end' ? record.ledger : [];
}
