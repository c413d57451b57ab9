import { describe, expect, it } from '@jest/globals';
import type { LoginRecord } from '@quayside/database';
import { newId, type SessionGrant } from '@quayside/domain';
import type { LoginAttempt, SessionEnd } from '@quayside/ftp-engine';
import { grantOf } from '../auth/session-grants.js';
import { LiveGrants } from './live-grants.js';

const nothing = (): void => undefined;
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const nobody = { tenantId: null, accountId: null };

function aRecord(changes: Partial<LoginRecord['account']> = {}, credentialVersion = 1): LoginRecord {
  return {
    tenant: { id: 't1', slug: 'acme', status: 'active', statusText: null, timeZone: 'UTC', version: 1 },
    account: {
      id: 'a1',
      username: 'alice',
      status: 'active',
      statusText: null,
      expiresAtMs: null,
      decoy: false,
      version: 1,
      ...changes,
    },
    anonymous: null,
    credentials: [
      {
        id: 'c1',
        label: null,
        hash: 'hash',
        expiresAtMs: null,
        addresses: [],
        pathPrefix: null,
        readOnly: false,
        tlsOnly: false,
        version: credentialVersion,
      },
    ],
    mounts: [],
    policies: [],
  };
}

function setUp() {
  let record: LoginRecord | null = aRecord();
  const ended: { id: string; end: SessionEnd }[] = [];
  const replaced: SessionGrant[] = [];
  const grants = new LiveGrants(
    { reload: () => Promise.resolve(record === null ? [] : [record]) },
    () => ({
      endSession: (id, end) => {
        ended.push({ id, end });
        return Promise.resolve(true);
      },
      replaceGrant: (_id, grant) => replaced.push(grant),
    }),
    log,
  );
  const attempt = { sessionId: newId(), remoteAddress: '192.0.2.1', tls: true } as LoginAttempt;
  return {
    grants,
    ended,
    replaced,
    open: () =>
      grants.opened(attempt, grantOf(aRecord(), aRecord().credentials[0]!), aRecord().credentials[0]!, aRecord()),
    store: (next: LoginRecord | null) => (record = next),
  };
}

describe('LiveGrants', () => {
  it('ends the session of an account that was suspended, also after a check that found no session', async () => {
    const { grants, ended, open, store } = setUp();
    await grants.changed(nobody);
    open();
    store(aRecord({ status: 'suspended', statusText: 'Please call us', version: 2 }));
    await grants.changed({ tenantId: 't1', accountId: 'a1' });
    expect(ended).toEqual([expect.objectContaining({ end: { text: 'Please call us', reason: 'account.suspended' } })]);
  });

  it('gives the session the new grant where it may go on', async () => {
    const { grants, ended, replaced, open, store } = setUp();
    open();
    store(aRecord({ status: 'read_only', version: 2 }));
    await grants.changed({ tenantId: 't1', accountId: null });
    expect(ended).toEqual([]);
    expect(replaced).toEqual([expect.objectContaining({ status: 'read_only' })]);
  });

  it.each([
    ['the password was changed', aRecord({}, 2)],
    ['the account is gone', null],
  ])('ends the session when %s', async (_why, after) => {
    const { grants, ended, open, store } = setUp();
    open();
    store(after);
    await grants.changed(nobody);
    expect(ended).toHaveLength(1);
  });

  it('leaves sessions of other accounts and tenants alone', async () => {
    const { grants, ended, open, store } = setUp();
    open();
    store(null);
    await grants.changed({ tenantId: 't1', accountId: 'somebody else' });
    await grants.changed({ tenantId: 't2', accountId: null });
    expect(ended).toEqual([]);
  });
});
