import { describe, expect, it } from '@jest/globals';
import { DomainError, newId } from '@quayside/domain';
import type { Envelope, ParsedEvent } from '@quayside/events';
import { createLog, createMetrics } from '@quayside/observability';
import { EventApplier, EventsRejectedError } from './event-applier.js';

function anEnvelope(type = 'session.opened'): Envelope {
  return {
    id: newId(),
    type,
    v: 1,
    at: new Date().toISOString(),
    tenantId: null,
    accountId: null,
    sessionId: newId(),
    node: 'n',
    worker: 'w',
    data: { remoteAddress: '::1', protocol: 'ftp', clientName: null },
  };
}

function idOf(parsed: ParsedEvent): string {
  return parsed.known ? parsed.event.id : parsed.envelope.id;
}

function anApplier(refuse: (ids: readonly string[]) => Error | null, signal = new AbortController().signal) {
  const applied: string[] = [];
  const metrics = createMetrics({ app: 'test' });
  const applier = new EventApplier({
    eventLog: {
      async applyEvents(events) {
        const ids = events.map(idOf);
        const error = refuse(ids);
        if (error !== null) throw error;
        const fresh = ids.filter((id) => !applied.includes(id));
        applied.push(...fresh);
        return fresh;
      },
    },
    log: createLog({ app: 'test', level: 'fatal' }),
    metrics,
    signal,
  });
  return { applier, applied, metrics };
}

describe('EventApplier', () => {
  it('applies a batch and counts what was new, parked events apart', async () => {
    const { applier, applied, metrics } = anApplier(() => null);
    const events = [anEnvelope(), anEnvelope('space.folded')];
    await applier.apply(events);
    await applier.apply(events);
    expect(applied).toEqual(events.map((event) => event.id));
    const text = await metrics.text();
    expect(text).toMatch(/quayside_events_applied_total\{type="session.opened",app="test"\} 1\n/);
    expect(text).toMatch(/quayside_events_parked_total\{app="test"\} 1\n/);
  });

  it('waits for a database that is away instead of failing', async () => {
    let away = 2;
    const { applier, applied } = anApplier(() => (away-- > 0 ? new DomainError('database.unavailable') : null));
    const event = anEnvelope();
    await applier.apply([event]);
    expect(applied).toEqual([event.id]);
  });

  it('stops waiting when it is told to', async () => {
    const stop = new AbortController();
    const { applier } = anApplier(() => new DomainError('database.unavailable'), stop.signal);
    const applying = applier.apply([anEnvelope(), anEnvelope()]);
    stop.abort();
    await expect(applying).rejects.toThrow(/abort/i);
  });

  it('applies the rest of a batch when one event cannot be applied, and names that one', async () => {
    const events = [anEnvelope(), anEnvelope(), anEnvelope()];
    const bad = events[1]!.id;
    const { applier, applied } = anApplier((ids) => (ids.includes(bad) ? new Error('no such column') : null));
    await expect(applier.apply(events)).rejects.toThrow(`session.opened ${bad}: no such column`);
    expect(applied).toEqual([events[0]!.id, events[2]!.id]);
  });

  it('applies the events among things that are none', async () => {
    const { applier, applied } = anApplier(() => null);
    const event = anEnvelope();
    await expect(applier.apply([{ id: 'x' }, event, null])).rejects.toBeInstanceOf(EventsRejectedError);
    expect(applied).toEqual([event.id]);
  });
});
