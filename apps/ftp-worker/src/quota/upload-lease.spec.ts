import { describe, expect, it } from '@jest/globals';
import type { QuotaReservation } from '@quayside/database';
import type { QuotaAsk } from '@quayside/ftp-engine';
import { HeldLeases } from './held-leases.js';
import type { QuotaLeases } from './quota-leases.js';
import { UploadLease } from './upload-lease.js';

/** The lease of an upload where the ledger has room for `room` bytes of growth; what it was asked for at first. */
async function begin(ask: Partial<QuotaAsk>, room = 0): Promise<'begins' | 'quota.exceeded'> {
  const leases = {
    workerId: 'worker',
    leaseTtlMs: 1000,
    waitMs: 0,
    databaseWaitMs: 0,
    closed: () => undefined,
    refused: () => undefined,
    settle: async () => undefined,
    held: new HeldLeases(),
    giveBack: async (_id: string, work: () => Promise<unknown>) => work(),
    ledger: {
      reserve: async (_tenant: string, _space: string, { needBytes, files }: QuotaReservation) =>
        needBytes <= room ? { verdict: 'granted', bytes: room, files } : { verdict: 'refused', bytes: 0, files: 0 },
      release: async () => 0,
    },
  };
  const whole = {
    transferId: 'transfer',
    grant: { tenantId: 'tenant', accountId: 'account', policy: { uploads: { partialTtlHours: 1 } } },
    mount: { spaceId: 'space' },
    path: '/file',
    startBytes: 0,
    declaredBytes: null,
    replacesBytes: 0,
    newFile: false,
    partialBytes: 0,
    partialTransferId: null,
    signal: new AbortController().signal,
    ...ask,
  };
  const lease = new UploadLease(leases as unknown as QuotaLeases, whole as unknown as QuotaAsk, true);
  try {
    await lease.begin();
    return 'begins';
  } catch (error) {
    return (error as { code: 'quota.exceeded' }).code;
  }
}

describe('the first reservation of an upload at 100 %', () => {
  it.each([
    ['a new file', { newFile: true }, 'quota.exceeded'],
    ['an overwrite', { replacesBytes: 1000 }, 'begins'],
    ['an overwrite declared as large as the file', { replacesBytes: 1000, declaredBytes: 1000 }, 'begins'],
    ['an overwrite declared larger', { replacesBytes: 1000, declaredBytes: 1001 }, 'quota.exceeded'],
    ['an append', { replacesBytes: 1000, startBytes: 1000 }, 'quota.exceeded'],
    ['a resume that cuts the file first', { replacesBytes: 1000, startBytes: 999 }, 'begins'],
    ['such a resume declared larger', { replacesBytes: 1000, startBytes: 400, declaredBytes: 601 }, 'quota.exceeded'],
    ['such a resume declared as large', { replacesBytes: 1000, startBytes: 400, declaredBytes: 600 }, 'begins'],
  ] as const)('%s', async (_case, ask, outcome) => {
    expect(await begin(ask)).toBe(outcome);
  });

  it('begins with room for one byte, whatever is new or appended', async () => {
    expect(await begin({ newFile: true }, 1)).toBe('begins');
    expect(await begin({ replacesBytes: 1000, startBytes: 1000 }, 1)).toBe('begins');
  });
});
