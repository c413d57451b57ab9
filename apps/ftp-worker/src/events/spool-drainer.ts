import type { Envelope } from '@quayside/events';
import type { Log } from '@quayside/ftp-engine';
import type { EventSpool } from './event-spool.js';
import { Pause } from './pause.js';
import { type EventKey, type SentBatch, SentBatches, type SentJob } from './sent-batches.js';
import { type ContentRefusedError, SplitDelivery } from './split-delivery.js';
import type { DrainableRecord, SpoolLedgerEntry } from './spool-record.js';
import { isReached, type SpoolPosition } from './spool-segments.js';
import { TAIL_RECORDS } from './spool-tail.js';

/** Something that can never be applied as it is. */
export type RefusedPart =
  | { readonly part: 'event'; readonly event: Envelope }
  | { readonly part: 'ledger'; readonly entry: SpoolLedgerEntry; readonly event: Envelope | null };

/**
 * Where the spool is drained to. Ledger and queue may be given the same things again and apply them once. They throw
 * ContentRefusedError for what they can never take.
 */
export interface DrainTargets {
  applyLedger(entries: readonly SpoolLedgerEntry[]): Promise<void>;
  /** @param round 0 at first; a higher one makes other jobs of the same events. */
  publish(events: readonly Envelope[], round: number): Promise<readonly SentJob[]>;
  /** Of these events, the ids of those that have not been applied. */
  unapplied(events: readonly EventKey[]): Promise<readonly string[]>;
  /** Of these jobs, those that the queue still has to work on. */
  queued(jobIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Keeps it where an operator finds it; it counts as applied then. */
  setAside(refused: RefusedPart, fault: string): Promise<void>;
}

export interface SpoolDrainerOptions {
  readonly spool: EventSpool;
  readonly targets: DrainTargets;
  readonly log: Log;
  /** How long a first record waits for company. */
  readonly lingerMs?: number;
  /** Longest that records wait for company while customers keep the worker busy. */
  readonly holdMs?: number;
  /** How often the log is asked for what has been sent. */
  readonly confirmMs?: number;
  /** After this long, the queue is asked whether it still has what the log has not. */
  readonly suspectMs?: number;
  /** Most events between queue and log; the rest waits on the disk. */
  readonly maxUnapplied?: number;
  /** Whether records are on the disk before they leave the machine, for what a recovery would settle otherwise. */
  readonly sync?: boolean;
}

const LINGER_MS = 50;
/**
 * Each record that comes in the first wait lets the batch wait this much longer: what a batch costs database, queue and
 * consumer hardly depends on its size, and customers need the processor now.
 */
const HOLD_PER_RECORD_MS = 25;
const HOLD_MS = 1_500;
/** A batch is held in steps, and goes when one brings hardly anything: the burst is over. */
const HOLD_STEP_MS = 100;
const LULL_RECORDS = 5;
/** Where so many wait, they go. The spool's tail keeps as many, so that none is read from the disk again. */
const HELD_RECORDS = TAIL_RECORDS;
/** Records of one batch; the publisher makes several jobs of it. */
const READ_RECORDS = 2_000;
/** Events that the log is asked for at once. */
const CONFIRM_EVENTS = 2_000;
const CONFIRM_MS = 1_000;
/** While somebody waits for it. */
const HURRIED_CONFIRM_MS = 40;
const SUSPECT_MS = 10_000;
const MAX_UNAPPLIED = 20_000;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;

/**
 * Carries the spool's records, in their order, to the ledger and the queue, and moves the checkpoint when the ledger
 * has applied its part and the log has the events: a queue that loses what it had taken (a Redis that comes back empty)
 * is given it again. While a target is away it holds one batch in memory and tries again; the rest waits on the disk.
 */
export class SpoolDrainer {
  private readonly stopping = new AbortController();
  /** As its signal says, whose shape depends on who listens to it. */
  private stopped = false;
  private running: Promise<unknown> | null = null;
  private readonly sent = new SentBatches();
  private readonly carryPause = new Pause();
  private readonly confirmPause = new Pause();
  private readonly progressWaiters = new Set<() => void>();
  /** Everything before it has been taken by ledger and queue. */
  private carried: SpoolPosition;
  /** What an earlier process has left, which it may have published. */
  private readonly inherited: SpoolPosition;
  /** What lies before it waits for no company any more. */
  private due: SpoolPosition;
  private awaited = 0;
  /** Somebody may be waiting for bytes that were given back. */
  private roomMade = false;
  private holds = false;
  private headSinceMs: number | null = null;
  private failures = 0;

  constructor(private readonly options: SpoolDrainerOptions) {
    this.carried = options.spool.drained;
    this.due = this.carried;
    this.inherited = options.spool.end;
  }

  start(): void {
    this.options.spool.onRoomMade = () => {
      this.roomMade = true;
      if (this.holds) this.carryPause.end();
    };
    this.running ??= Promise.all([this.carryAll(), this.confirmAll()]);
  }

  /** Ends after the batch that is under way; what waits stays on the disk. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.stopping.abort();
    this.carryPause.end();
    this.confirmPause.end();
    this.wakeWaiters();
    await this.running;
  }

  /**
   * Wait until ledger and queue have everything recorded before this call; false where that took longer than
   * `deadlineMs`.
   */
  drain(deadlineMs: number): Promise<boolean> {
    this.due = this.options.spool.end;
    this.carryPause.end();
    return this.reach(() => this.carried, deadlineMs);
  }

  /** The same until it has been applied. */
  async apply(deadlineMs: number): Promise<boolean> {
    const endMs = performance.now() + deadlineMs;
    this.awaited++;
    try {
      if (!(await this.drain(deadlineMs))) return false;
      this.confirmPause.end();
      return await this.reach(() => this.options.spool.drained, Math.max(endMs - performance.now(), 0));
    } finally {
      this.awaited--;
    }
  }

  /** Age of the oldest record that is not applied, and how often targets were away in a row; for health and metrics. */
  stats(): { readonly oldestMs: number; readonly failures: number; readonly unapplied: number } {
    const sinceMs = this.sent.oldest?.oldestMs ?? this.headSinceMs;
    const oldestMs = sinceMs === null ? 0 : Math.max(0, Date.now() - sinceMs);
    return { oldestMs, failures: this.failures, unapplied: this.sent.waiting };
  }

  private async reach(position: () => SpoolPosition, deadlineMs: number): Promise<boolean> {
    const target = this.options.spool.end;
    const deadline = AbortSignal.timeout(Math.ceil(deadlineMs));
    while (!isReached(position(), target)) {
      if (deadline.aborted || this.stopped) return false;
      await this.progress(deadline);
    }
    return true;
  }

  /** Resolves when the drainer has got further, or the deadline is over. */
  private progress(deadline?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        deadline?.removeEventListener('abort', done);
        this.progressWaiters.delete(done);
        resolve();
      };
      this.progressWaiters.add(done);
      deadline?.addEventListener('abort', done, { once: true });
    });
  }

  private async carryAll(): Promise<void> {
    const { spool, maxUnapplied = MAX_UNAPPLIED } = this.options;
    const { signal } = this.stopping;
    while (!this.stopped) {
      await spool.waitFor(this.carried, signal);
      while (!this.stopped && this.sent.waiting >= maxUnapplied) await this.progress();
      if (this.stopped) break;
      if (this.mayWait()) {
        await this.gather();
        this.due = spool.end;
      }
      this.roomMade = false;
      await this.carryBatch(this.carried);
    }
    this.wakeWaiters();
  }

  /** Waits for company: the longer, the more comes, but not where somebody waits for room. */
  private async gather(): Promise<void> {
    const { lingerMs = LINGER_MS, holdMs = HOLD_MS } = this.options;
    await this.carryPause.wait(lingerMs);
    const endMs = performance.now() + Math.min(this.ahead() * HOLD_PER_RECORD_MS, holdMs);
    for (let came = Infinity; came >= LULL_RECORDS && !this.roomMade && this.mayWait();) {
      const leftMs = endMs - performance.now();
      if (leftMs < 1) return;
      const before = this.ahead();
      this.holds = true;
      await this.carryPause.wait(Math.min(leftMs, HOLD_STEP_MS));
      this.holds = false;
      came = this.ahead() - before;
    }
  }

  private mayWait(): boolean {
    return !this.stopped && isReached(this.carried, this.due) && this.ahead() < HELD_RECORDS;
  }

  /** Records that have not been sent. */
  private ahead(): number {
    return this.options.spool.stats().depth - this.sent.records;
  }

  private async carryBatch(from: SpoolPosition): Promise<void> {
    const { spool, targets, log } = this.options;
    let records: DrainableRecord[];
    let count: number;
    let next: SpoolPosition;
    let events: Envelope[];
    try {
      ({ records, count, next } = await spool.drainable(from, READ_RECORDS));
      events = records.flatMap(eventOf);
      this.headSinceMs = events.length === 0 ? null : Date.parse(events[0]!.at);
      if (this.options.sync === true && records.some(isSettledByRecord)) await spool.sync();
      if (!isReached(from, this.inherited)) events = await this.withoutApplied(events);
    } catch (error) {
      this.failures++;
      log.error('The spool cannot be read', { error: String(error) });
      await this.backOff();
      return;
    }
    const jobs: SentJob[] = [];
    const publishing = this.publishing(events, 0, jobs);
    const applying = new SplitDelivery({
      items: records.flatMap(ledgerOf),
      send: (entries) => targets.applyLedger(entries),
      setAside: (entry, error) => {
        const event = events.find(({ id }) => id === entry.eventId) ?? null;
        return this.setAside({ part: 'ledger', entry, event }, error);
      },
    });
    if (!(await this.deliver({ database: applying, queue: publishing }))) return;
    this.headSinceMs = null;
    this.carried = next;
    this.sent.add({
      from,
      next,
      records: count,
      oldestMs: events.length === 0 ? null : Date.parse(events[0]!.at),
      waiting: new Map(events.map(({ id, at }) => [id, { id, at }])),
      jobs,
      sentAtMs: performance.now(),
      round: 0,
    });
    if (events.length === 0) this.advance();
    this.confirmPause.end();
    this.wakeWaiters();
  }

  private publishing(events: readonly Envelope[], round: number, jobs: SentJob[]): SplitDelivery<Envelope> {
    return new SplitDelivery({
      items: events,
      send: async (some) => {
        jobs.push(...(await this.options.targets.publish(some, round)));
      },
      setAside: (event, error) => this.setAside({ part: 'event', event }, error),
    });
  }

  private async setAside(refused: RefusedPart, error: ContentRefusedError): Promise<void> {
    await this.options.targets.setAside(refused, error.message);
    const { part } = refused;
    const id = part === 'event' ? refused.event.id : refused.entry.eventId;
    this.options.log.error('An event can never be applied as it is and was set aside', {
      id,
      part,
      error: error.message,
    });
  }

  /** What an earlier process has published is not published again where it was applied. */
  private async withoutApplied(events: readonly Envelope[]): Promise<Envelope[]> {
    const missing = new Set(await this.options.targets.unapplied(events));
    return events.filter(({ id }) => missing.has(id));
  }

  /** Resolves to false where the drainer is stopped before all targets took it. */
  private async deliver(targets: Readonly<Record<string, { attempt(): Promise<void> }>>): Promise<boolean> {
    const { log } = this.options;
    const open = new Map(Object.entries(targets));
    for (;;) {
      await Promise.all(
        [...open].map(async ([name, target]) => {
          try {
            await target.attempt();
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
      if (this.stopped) return false;
      await this.backOff();
      if (this.stopped) return false;
    }
    if (this.failures > 0) log.info('Recorded events are being taken again');
    this.failures = 0;
    return true;
  }

  /** Asks the log for what has been sent for as long as there is some, and the queue for what does not arrive. */
  private async confirmAll(): Promise<void> {
    const { confirmMs = CONFIRM_MS, log } = this.options;
    let away = false;
    while (!this.stopped) {
      if (this.sent.oldest === undefined) await this.progress();
      else if (this.awaited > 0) await this.confirmPause.wait(HURRIED_CONFIRM_MS);
      else await this.waitWhole(confirmMs);
      if (this.stopped) return;
      try {
        while (!this.stopped && (await this.confirmHead()));
        await this.publishLost();
        away = false;
      } catch (error) {
        if (!away) log.warn('It cannot be told yet which events have been applied', { error: String(error) });
        away = true;
      }
    }
  }

  /** Not ended by every batch that is sent, only by who waits. */
  private async waitWhole(ms: number): Promise<void> {
    const endMs = performance.now() + ms;
    for (let leftMs = ms; leftMs > 0 && this.awaited === 0; leftMs = endMs - performance.now()) {
      await this.confirmPause.wait(leftMs);
      if (this.stopped) return;
    }
  }

  /** Resolves to whether there may be more that has been applied. */
  private async confirmHead(): Promise<boolean> {
    const head = this.sent.head(CONFIRM_EVENTS);
    const keys = head.flatMap(({ waiting }) => [...waiting.values()]);
    if (keys.length === 0) return false;
    const unapplied = new Set(await this.options.targets.unapplied(keys));
    this.sent.confirm(head, unapplied);
    this.advance();
    return unapplied.size === 0 && this.sent.oldest !== undefined;
  }

  private advance(): void {
    const applied = this.sent.takeApplied();
    if (applied === null) return;
    this.options.spool.advance(applied.position, applied.records);
    this.wakeWaiters();
  }

  /** Publishes again what the log does not have and the queue no longer has to work on. */
  private async publishLost(): Promise<void> {
    const { targets, log, suspectMs = SUSPECT_MS } = this.options;
    const late = this.sent
      .head(CONFIRM_EVENTS)
      .filter(({ sentAtMs, waiting }) => waiting.size > 0 && performance.now() - sentAtMs >= suspectMs);
    if (late.length === 0) return;
    const queued = await targets.queued(late.flatMap(({ jobs }) => jobs.map(({ jobId }) => jobId)));
    // Asked again: a job may have been done in between.
    const keys = late.flatMap(({ waiting }) => [...waiting.values()]);
    this.sent.confirm(late, new Set(await targets.unapplied(keys)));
    for (const batch of late) {
      const promised = new Set(batch.jobs.filter(({ jobId }) => queued.has(jobId)).flatMap(({ eventIds }) => eventIds));
      const lost = [...batch.waiting.keys()].filter((id) => !promised.has(id));
      if (lost.length > 0) {
        log.warn('The queue has lost events; they are published again', { events: lost.length });
        await this.publishAgain(batch, new Set(lost), queued);
      }
      batch.sentAtMs = performance.now();
    }
    this.advance();
  }

  private async publishAgain(batch: SentBatch, lost: ReadonlySet<string>, queued: ReadonlySet<string>): Promise<void> {
    const { records } = await this.options.spool.drainable(batch.from, batch.records);
    const events = records.flatMap(eventOf).filter(({ id }) => lost.has(id));
    const jobs: SentJob[] = [];
    batch.round++;
    await this.publishing(events, batch.round, jobs).attempt();
    batch.jobs = [...batch.jobs.filter(({ jobId }) => queued.has(jobId)), ...jobs];
  }

  private backOff(): Promise<void> {
    const ms = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.failures - 1, 10), LAST_RETRY_MS);
    // Jitter, so that the workers of all nodes do not knock together.
    return this.carryPause.wait(ms * (0.75 + Math.random() * 0.5));
  }

  private wakeWaiters(): void {
    for (const wake of this.progressWaiters) wake();
  }
}

function eventOf({ event }: DrainableRecord): Envelope[] {
  return event === null ? [] : [event];
}

function ledgerOf({ ledger }: DrainableRecord): readonly SpoolLedgerEntry[] {
  return ledger;
}

/**
 * How a failed upload ended, and when, is in this record alone. Were it lost with the machine's power after the event
 * had left, recovery would end the same upload at another time, and the log would have it twice.
 */
function isSettledByRecord(record: DrainableRecord): boolean {
  return record.k === 'end' && record.event?.type === 'transfer.failed';
}
