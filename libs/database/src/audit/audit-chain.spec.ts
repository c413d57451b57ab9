import { describe, expect, it } from '@jest/globals';
import { chainHash, GENESIS } from './audit-chain.js';

const facts = {
  id: 'i',
  at: '2026-01-01T00:00:00.000Z',
  tenantId: null,
  actorId: 'a',
  actor: 'bootstrap',
  address: '127.0.0.1',
  action: 'account.create',
  resource: 'account',
  resourceId: 'r',
  before: null,
  after: { quota: { bytes: 1, files: 2 } },
};

describe('chainHash', () => {
  it('does not depend on the order of members, which jsonb changes', () => {
    expect(chainHash(GENESIS, { ...facts, after: { quota: { files: 2, bytes: 1 } } })).toEqual(
      chainHash(GENESIS, facts),
    );
  });

  it('changes with every member and with the hash before', () => {
    const hash = chainHash(GENESIS, facts);
    for (const name of Object.keys(facts)) {
      expect(chainHash(GENESIS, { ...facts, [name]: 'changed' }).equals(hash)).toBe(false);
    }
    expect(chainHash(Buffer.alloc(32, 1), facts).equals(hash)).toBe(false);
  });
});
