import { describe, expect, it } from '@jest/globals';
import { DomainError, newId } from '@quayside/domain';
import type { Envelope, ParsedEvent } from '@quayside/events';
import { createLog, createMetrics } from '@quayside/observability';
import type { NewDeadEvent } from '@quayside/database';
import { EventApplier } from './event-applier.js';

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
  const dead: NewDeadEvent[] = [];
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
    dead: { add: async (event) => void dead.push(event) },
    source: 'queue',
    log: createLog({ app: 'test', level: 'fatal' }),
    metrics,
    signal,
  });
  return { applier, applied, dead, metrics };
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

  it('sets aside the one event of a batch that can never be applied, and applies the others', async () => {
    const events = Array.from({ length: 9 }, () => anEnvelope());
    const bad = events[4]!;
    const refused = Object.assign(new Error('unsupported Unicode escape sequence'), { code: '22P05' });
    const { applier, applied, dead } = anApplier((ids) => (ids.includes(bad.id) ? refused : null));
    await applier.apply(events);
    expect(applied).toEqual(events.filter(({ id }) => id !== bad.id).map(({ id }) => id));
    const { id, type, at } = bad;
    const content = JSON.stringify(bad);
    expect(dead).toEqual([
      { id, part: 'event', type, at, tenantId: null, source: 'queue', fault: refused.message, content },
    ]);
  });

  it('sets nothing aside while the statement is at fault', async () => {
    const missing = Object.assign(new Error('no such column'), { code: '42703' });
    const { applier, dead } = anApplier(() => missing);
    await expect(applier.apply([anEnvelope(), anEnvelope()])).rejects.toBe(missing);
    expect(dead).toEqual([]);
  });

  it('applies the events among things that are none, and keeps those too', async () => {
    const { applier, applied, dead } = anApplier(() => null);
    const event = anEnvelope();
    await applier.apply([{ id: 'x', type: 'y' }, event, null]);
    expect(applied).toEqual([event.id]);
    expect(dead).toMatchObject([
      { type: 'y', content: '{"id":"x","type":"y"}' },
      { type: 'unknown', content: 'null' },
    ]);
  });
});
