import { describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import type { Envelope } from '@quayside/events';
import { batchSpans } from './batch-spans.js';

function anEnvelope(data: Record<string, unknown>, type = 'transfer.completed'): Envelope {
  const [id, tenantId, accountId, sessionId] = [newId(), newId(), newId(), newId()];
  const at = new Date(0).toISOString();
  return { id, type, v: 1, at, tenantId, accountId, sessionId, node: 'n', worker: 'w', data };
}

describe('batchSpans', () => {
  it('has a span for the batch and one in the trace of each transfer that is new', () => {
    const fresh = anEnvelope({ transferId: newId(), path: '/secret.txt' });
    const again = anEnvelope({ transferId: newId() });
    const session = anEnvelope({}, 'session.opened');
    const spans = [
      ...batchSpans({
        source: 'queue',
        events: [fresh, again, session],
        fresh: [fresh.id, session.id],
        startMs: 5,
        endMs: 9,
      }),
    ];
    expect(spans).toMatchObject([
      { name: 'apply events', attributes: { 'messaging.batch.message_count': 3, 'events.new': 2 } },
      {
        name: 'apply event',
        startMs: 5,
        endMs: 9,
        attributes: { 'event.id': fresh.id },
        place: { within: fresh.data['transferId'] },
      },
    ]);
    expect(JSON.stringify(spans)).not.toContain('secret.txt');
  });
});
