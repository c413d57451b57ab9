import { setTimeout as sleep } from 'node:timers/promises';
import { isContentRefused, isRetryable, type NewDeadEvent } from '@quayside/database';
import { DomainError, newId } from '@quayside/domain';
import { type Envelope, envelopeSchema, parseEvent, type ParsedEvent } from '@quayside/events';
import type { AppLog, Metrics, Traces } from '@quayside/observability';
import { batchSpans } from './tracing/batch-spans.js';

/** Where events end up. One transaction; each event id counts once, however often it comes. */
export interface EventLog {
  /** Resolves to the ids that were new. */
  applyEvents(events: readonly ParsedEvent[]): Promise<readonly string[]>;
}

/** Keeps what can never be applied as it is, where an operator finds it. */
export interface DeadEvents {
  add(dead: NewDeadEvent): Promise<void>;
}

export interface EventApplierOptions {
  readonly eventLog: EventLog;
  readonly dead: DeadEvents;
  readonly source: NewDeadEvent['source'];
  readonly log: AppLog;
  readonly metrics: Pick<Metrics, 'eventsAppliedTotal' | 'eventsParkedTotal' | 'eventLagSeconds'>;
  readonly traces?: Pick<Traces, 'record'> | null;
  /** Ends the wait for an absent database. */
  readonly signal: AbortSignal;
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;

/**
 * Raw events, from the queue or the outbox, into the log. While the database is away it waits instead of failing, so
 * that an outage of any length uses up no attempt of a job. An event that can never be applied as it is is set aside
 * and does not hold up the rest of its batch.
 */
export class EventApplier {
  constructor(private readonly options: EventApplierOptions) {}

  /**
   * Resolves when each event is in the log or set aside. Throws the abort reason when told to stop, and what the
   * database says where the statement is at fault and not the event.
   */
  async apply(raw: readonly unknown[]): Promise<void> {
    const events: ParsedEvent[] = [];
    for (const input of raw) {
      try {
        events.push(parseEvent(input));
      } catch (error) {
        await this.setAside(input, error);
      }
    }
    await this.applyHalves(events);
  }

  /** Finds what is refused in a batch by halving it. */
  private async applyHalves(events: readonly ParsedEvent[]): Promise<void> {
    try {
      await this.applyPatiently(events);
    } catch (error) {
      if (!isContentRefused(error)) throw error;
      if (events.length === 1) return this.setAside(envelopeOf(events[0]!), error);
      const middle = Math.ceil(events.length / 2);
      await this.applyHalves(events.slice(0, middle));
      await this.applyHalves(events.slice(middle));
    }
  }

  private async setAside(input: unknown, error: unknown): Promise<void> {
    const { dead, log, source } = this.options;
    const fault = error instanceof Error ? error.message : String(error);
    const envelope = deadEnvelope(input);
    await this.patiently(() =>
      dead.add({ ...envelope, part: 'event', source, fault, content: JSON.stringify(input) ?? 'null' }),
    );
    log.error('an event can never be applied as it is and was set aside', {
      id: envelope.id,
      type: envelope.type,
      error,
    });
  }

  private async applyPatiently(events: readonly ParsedEvent[]): Promise<void> {
    if (events.length === 0) return;
    const startMs = Date.now();
    const fresh = await this.patiently(() => this.options.eventLog.applyEvents(events));
    this.count(events, fresh);
    this.trace(events, fresh, startMs);
  }

  private async patiently<T>(work: () => Promise<T>): Promise<T> {
    const { log, signal } = this.options;
    for (let failures = 0; ; failures++) {
      signal.throwIfAborted();
      try {
        const result = await work();
        if (failures > 0) log.info('the database is back; events are applied again');
        return result;
      } catch (error) {
        const away = error instanceof DomainError && error.code === 'database.unavailable';
        if (!away && !isRetryable(error)) throw error;
        if (away && failures % 10 === 0) log.warn('the database is not available; events wait in the queue', { error });
        const ms = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), LAST_RETRY_MS);
        await sleep(ms, undefined, { signal });
      }
    }
  }

  private trace(events: readonly ParsedEvent[], fresh: readonly string[], startMs: number): void {
    const { source, traces } = this.options;
    if (!traces) return;
    const batch = { source, events: events.map(envelopeOf), fresh, startMs, endMs: Date.now() };
    for (const span of batchSpans(batch)) traces.record(span);
  }

  private count(events: readonly ParsedEvent[], fresh: readonly string[]): void {
    const { metrics } = this.options;
    const isFresh = new Set(fresh);
    const nowMs = Date.now();
    for (const parsed of events) {
      const { id, at } = envelopeOf(parsed);
      if (!isFresh.has(id)) continue;
      if (parsed.known) metrics.eventsAppliedTotal.inc({ type: parsed.event.type });
      else metrics.eventsParkedTotal.inc();
      metrics.eventLagSeconds.observe(Math.max(0, nowMs - Date.parse(at)) / 1_000);
    }
  }
}

function envelopeOf(parsed: ParsedEvent): Envelope {
  return parsed.known ? parsed.event : parsed.envelope;
}

/** As much of an envelope as there is in something that may be none. */
function deadEnvelope(input: unknown): Pick<NewDeadEvent, 'id' | 'type' | 'at' | 'tenantId'> {
  const whole = envelopeSchema.safeParse(input);
  if (whole.success) {
    const { id, type, at, tenantId } = whole.data;
    return { id, type, at, tenantId };
  }
  const { id, type } = (typeof input === 'object' && input !== null ? input : {}) as { id?: unknown; type?: unknown };
  return {
    id: typeof id === 'string' && UUID.test(id) ? id : newId(),
    type: typeof type === 'string' ? type.replaceAll('\0', '').slice(0, 100) : 'unknown',
    at: new Date().toISOString(),
    tenantId: null,
  };
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
