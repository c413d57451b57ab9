import { afterEach, describe, expect, it } from '@jest/globals';
import { createLog } from '@quayside/observability';
import { OutboxRelay } from './outbox-relay.js';

const log = createLog({ app: 'test', level: 'fatal' });

describe('OutboxRelay', () => {
  let relay: OutboxRelay;
  afterEach(() => relay.stop());

  function relayOver(rows: { id: string; event: unknown }[], apply: (events: readonly unknown[]) => Promise<void>) {
    let told: (() => void) | undefined;
    const empty = (): Promise<void> => new Promise((resolve) => (told = resolve));
    relay = new OutboxRelay({
      apply,
      log,
      pollMs: 60_000,
      retryMs: 1,
      outbox: {
        oldest: async (limit) => rows.slice(0, limit),
        remove: async (ids) => {
          for (const id of ids)
            rows.splice(
              rows.findIndex((row) => row.id === id),
              1,
            );
          told?.();
        },
      },
    });
    return { empty };
  }

  it('applies what is there at start and what comes when it is woken, and removes it then', async () => {
    const rows = Array.from({ length: 250 }, (_value, n) => ({ id: `r${n}`, event: n }));
    const applied: unknown[] = [];
    const all = new Promise<void>((resolve) => {
      relayOver(rows, async (events) => {
        applied.push(...events);
        if (applied.length === 250) resolve();
      });
    });
    relay.start();
    await all;
    expect(applied).toEqual(Array.from({ length: 250 }, (_value, n) => n));
  });

  it('is woken by a notification', async () => {
    const rows: { id: string; event: unknown }[] = [];
    const applied: unknown[] = [];
    const { empty } = relayOver(rows, async (events) => void applied.push(...events));
    relay.start();
    const gone = empty();
    rows.push({ id: 'a', event: 'a' });
    relay.wake();
    await gone;
    expect(applied).toEqual(['a']);
    expect(rows).toEqual([]);
  });

  it('leaves rows in the table until they can be applied', async () => {
    const rows = [{ id: 'a', event: 'a' }];
    let failures = 2;
    const { empty } = relayOver(rows, async () => {
      if (failures-- > 0) throw new Error('no such column');
      expect(rows).toHaveLength(1);
    });
    const gone = empty();
    relay.start();
    await gone;
    expect(rows).toEqual([]);
  });
});
