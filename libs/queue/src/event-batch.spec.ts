import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import type { Envelope } from '@quayside/events';
import { packBatch, unpackBatch } from './event-batch.js';

function envelopes(count: number): Envelope[] {
  return Array.from({ length: count }, (_value, n) => ({
    id: newId(),
    type: 'session.opened',
    v: 1,
    at: '2026-11-22T10:00:00.000Z',
    tenantId: null,
    accountId: null,
    sessionId: newId(),
    node: 'n',
    worker: 'w',
    data: { clientName: `Grüße ${n} \u0000` },
  }));
}

describe('the batch of a job', () => {
  it.each([1, 4, 5, 100])('comes back as it was, with %d events', (count) => {
    const events = envelopes(count);
    // As the queue hands it on.
    const stored = JSON.parse(JSON.stringify(packBatch(events)));
    expect(unpackBatch(stored)).toEqual(events);
  });

  it('is small where there are many events, and readable where there are few', () => {
    const many = envelopes(100);
    expect(JSON.stringify(packBatch(many)).length).toBeLessThan(JSON.stringify(many).length / 3);
    const few = envelopes(2);
    expect(packBatch(few)).toEqual({ events: few });
  });

  it.each([
    ['nothing', {}, 'no events'],
    ['another thing', { count: 1, deflated: deflateRawSync('{}').toString('base64') }, 'no list of events'],
    ['damaged bytes', { count: 1, deflated: '////' }, 'invalid'],
  ])('is refused when it holds %s', (_what, data, complaint) => {
    expect(() => unpackBatch(data)).toThrow(complaint);
  });
});
