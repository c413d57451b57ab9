import { describe, expect, it } from '@jest/globals';
import type { LedgerChange } from '@quayside/database';
import { MemoryBackend } from '@quayside/storage';
import { recount } from './recount.js';

const space = { id: 's', tenantId: 't', backend: 'local', root: 'r' } as const;

function parts(bytesUsed: number, steady = true) {
  const applied: LedgerChange[] = [];
  const state = { bytesLimit: null, filesLimit: null, filesUsed: 0, bytesReserved: 0, filesReserved: 0 };
  let asked = 0;
  const ledger = {
    state: async () => ({
      space: { ...state, bytesUsed: steady ? bytesUsed : bytesUsed + asked++ },
      tenant: { ...state, bytesUsed },
    }),
    apply: async (changes: readonly LedgerChange[]) => applied.push(...changes),
  };
  return { applied, ledger, backendFor: () => new MemoryBackend() };
}

describe('recount', () => {
  it('reports drift, and repairs it only when asked', async () => {
    expect(await recount(parts(0), space, true)).toMatchObject({ verdict: 'equal' });
    const drifted = parts(7);
    expect(await recount(drifted, space, false)).toMatchObject({ verdict: 'drift', ledger: { bytes: 7 } });
    expect(drifted.applied).toEqual([]);
    expect(await recount(drifted, space, true)).toMatchObject({ verdict: 'repaired' });
    expect(drifted.applied).toEqual([expect.objectContaining({ spaceId: 's', bytes: -7, files: 0, transferId: null })]);
  });

  it('says nothing about a space that changes all the time', async () => {
    const busy = parts(0, false);
    expect(await recount(busy, space, true)).toMatchObject({ verdict: 'busy' });
    expect(busy.applied).toEqual([]);
  });
});
