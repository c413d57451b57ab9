import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { EVENT_CATALOG, parseEvent } from './catalog.js';

const envelope = {
  id: '0190b3c4-0000-7000-8000-000000000001',
  type: 'session.opened',
  v: 1,
  at: '2026-11-22T10:00:00.000Z',
  tenantId: null,
  accountId: null,
  sessionId: null,
  node: 'n',
  worker: 'w',
  data: { remoteAddress: '::1', protocol: 'ftp', clientName: null },
};

describe('parseEvent', () => {
  it('knows an event of the catalogue', () => {
    expect(parseEvent(envelope)).toEqual({ known: true, event: envelope });
  });

  it.each([
    ['an unknown type', { type: 'nobody.knows' }, 'unknown type'],
    ['a name that objects have anyway', { type: 'constructor' }, 'unknown type'],
    ['a newer version', { v: 2 }, 'newer'],
    ['data of another shape', { data: { remoteAddress: 1 } }, 'remoteAddress'],
  ])('keeps %s as it is and says why', (_what, change, reason) => {
    const parsed = parseEvent({ ...envelope, ...change });
    expect(parsed).toMatchObject({ known: false, envelope: { ...envelope, ...change } });
    expect(parsed).toMatchObject({ reason: expect.stringContaining(reason) });
  });

  it.each([[{ id: 'x' }], [{ at: 'yesterday' }], [{ v: 0 }], [{ data: null }]])(
    'throws for the envelope %j',
    (change) => {
      expect(() => parseEvent({ ...envelope, ...change })).toThrow(z.ZodError);
    },
  );
});

describe('EVENT_CATALOG', () => {
  it('names every event by its key, and leads every old version up to the present one', () => {
    for (const [type, definition] of Object.entries(EVENT_CATALOG)) {
      expect(definition.type).toBe(type);
      expect(definition.description).not.toBe('');
      const steps = Object.keys(definition.upcasts).map(Number);
      expect(steps).toEqual(Array.from({ length: definition.version - 1 }, (_value, n) => n + 1));
    }
  });
});
