import { describe, expect, it } from '@jest/globals';
import type { ExpiredPartial } from '@quayside/database';
import { parsePath } from '@quayside/domain';
import type { StagedPartial, StorageBackend } from '@quayside/storage';
import { PartialSweep } from './partial-sweep.js';

const nothing = (): void => undefined;
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function expired(id: string, spaceId: string): ExpiredPartial {
  return { id, tenantId: 't', spaceId, backend: 'local', root: spaceId };
}

function setUp(staged: Readonly<Record<string, readonly string[]>>, waiting: ExpiredPartial[]) {
  const dropped: string[] = [];
  const released: string[] = [];
  const backendFor = ({ backend: { root } }: { backend: { root: string } }): StorageBackend => {
    if (staged[root] === undefined) throw new Error('the storage is away');
    const partials = staged[root].map((transferId): StagedPartial => {
      return { path: parsePath(`/${transferId}`), accountId: 'a', bytes: 1, modifiedMs: 0, transferId };
    });
    const backend = {
      partials: async function* () {
        yield* partials;
      },
      dropPartial: async (path: string) => dropped.push(path) > 0,
    };
    return backend as unknown as StorageBackend;
  };
  const ledger = {
    expiredPartials: async (most?: number) => waiting.slice(0, most),
    release: async (id: string) => {
      released.push(id);
      waiting = waiting.filter((each) => each.id !== id);
      return 0;
    },
  };
  return { dropped, released, sweep: new PartialSweep({ ledger, backendFor, log }) };
}

describe('PartialSweep', () => {
  it('drops what is past its time and gives it back, and leaves the rest', async () => {
    const { sweep, dropped, released } = setUp({ s: ['old', 'young'] }, [expired('old', 's')]);
    await sweep.run();
    expect(dropped).toEqual(['/old']);
    expect(released).toEqual(['old']);
  });

  it('gives back what has no bytes any more', async () => {
    const { sweep, dropped, released } = setUp({ s: [] }, [expired('gone', 's')]);
    await sweep.run();
    expect([dropped, released]).toEqual([[], ['gone']]);
  });

  it('keeps the reservation of a space that cannot be reached, and goes on with the others', async () => {
    const { sweep, dropped, released } = setUp({ s: ['old'] }, [expired('far', 'away'), expired('old', 's')]);
    await sweep.run();
    expect([dropped, released]).toEqual([['/old'], ['old']]);
  });

  it('goes on until nothing is left, also where it is more than one batch', async () => {
    const ids = Array.from({ length: 250 }, (_, index) => `p${index}`);
    const { sweep, dropped, released } = setUp(
      { s: ids },
      ids.map((id) => expired(id, 's')),
    );
    await sweep.run();
    expect([dropped.length, new Set(released).size]).toEqual([250, 250]);
  });
});
