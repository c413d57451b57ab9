import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '@quayside/domain';
import { parseEvent, type ParsedEvent } from '@quayside/events';
import type { AppLog, Metrics } from '@quayside/observability';

/** Where events end up. One transaction; each event id counts once, however often it comes. */
export interface EventLog {
  /** Resolves to the ids that were new. */
  applyEvents(events: readonly ParsedEvent[]): Promise<readonly string[]>;
}

export interface EventApplierOptions {
  readonly eventLog: EventLog;
  readonly log: AppLog;
  readonly metrics: Pick<Metrics, 'eventsAppliedTotal' | 'eventsParkedTotal' | 'eventLagSeconds'>;
  /** Ends the wait for an absent database. */
  readonly signal: AbortSignal;
}

/** Some events of a batch could not be applied; the others are. */
export class EventsRejectedError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`${faults.length} event(s) could not be applied: ${faults.slice(0, 3).join('; ')}`);
    this.name = 'EventsRejectedError';
  }
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;

/**
 * Raw events, from the queue or the outbox, into the log. While the database is away it waits instead of failing, so
 * that an outage of any length uses up no attempt of a job. One event that cannot be applied does not hold up the rest
 * of its batch.
 */
export class EventApplier {
  constructor(private readonly options: EventApplierOptions) {}

  /** Throws {@link EventsRejectedError} for what can never be applied, and the abort reason when told to stop. */
  async apply(raw: readonly unknown[]): Promise<void> {
    const faults: string[] = [];
    const events: ParsedEvent[] = [];
    for (const input of raw) {
      try {
        events.push(parseEvent(input));
      } catch (error) {
        faults.push(`not an event: ${String(error).slice(0, 200)}`);
      }
    }
    try {
      await this.applyPatiently(events);
    } catch (error) {
      if (this.options.signal.aborted || events.length === 0) throw error;
      if (events.length === 1) faults.push(faultOf(events[0]!, error));
      else faults.push(...(await this.applyOneByOne(events)));
    }
    if (faults.length > 0) throw new EventsRejectedError(faults);
  }

  private async applyOneByOne(events: readonly ParsedEvent[]): Promise<string[]> {
    const faults: string[] = [];
    for (const event of events) {
      try {
        await this.applyPatiently([event]);
      } catch (error) {
        if (this.options.signal.aborted) throw error;
        faults.push(faultOf(event, error));
      }
    }
    return faults;
  }

  private async applyPatiently(events: readonly ParsedEvent[]): Promise<void> {
    if (events.length === 0) return;
    const { eventLog, log, signal } = this.options;
    for (let failures = 0; ; failures++) {
      signal.throwIfAborted();
      try {
        this.count(events, await eventLog.applyEvents(events));
        if (failures > 0) log.info('the database is back; events are applied again');
        return;
      } catch (error) {
        if (!(error instanceof DomainError && error.code === 'database.unavailable')) throw error;
        if (failures % 10 === 0) log.warn('the database is not available; events wait in the queue', { error });
        const ms = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), LAST_RETRY_MS);
        await sleep(ms, undefined, { signal });
      }
    }
  }

  private count(events: readonly ParsedEvent[], fresh: readonly string[]): void {
    const { metrics } = this.options;
    const isFresh = new Set(fresh);
    const nowMs = Date.now();
    for (const parsed of events) {
      const { id, at } = parsed.known ? parsed.event : parsed.envelope;
      if (!isFresh.has(id)) continue;
      if (parsed.known) metrics.eventsAppliedTotal.inc({ type: parsed.event.type });
      else metrics.eventsParkedTotal.inc();
      metrics.eventLagSeconds.observe(Math.max(0, nowMs - Date.parse(at)) / 1_000);
    }
  }
}

function faultOf(parsed: ParsedEvent, error: unknown): string {
  const { id, type } = parsed.known ? parsed.event : parsed.envelope;
  return `${type} ${id}: ${error instanceof Error ? error.message : String(error)}`;
}
