import { afterEach, describe, expect, it, jest } from '@jest/globals';
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
    open: (of: LoginRecord = aRecord()) =>
      grants.opened(attempt, grantOf(of, of.credentials[0]!), of.credentials[0]!, of),
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

describe('the timer of LiveGrants', () => {
  const DAY_MS = 86_400_000;

  afterEach(() => {
    jest.useRealTimers();
  });

  it('ends a session when its account expires, also beyond what one timer can wait', async () => {
    jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) });
    const { grants, ended, open, store } = setUp();
    const expiring = aRecord({ expiresAtMs: Date.now() + 60 * DAY_MS });
    open(expiring);
    store(expiring);
    await jest.advanceTimersByTimeAsync(60 * DAY_MS - 1);
    expect(ended).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(ended).toEqual([expect.objectContaining({ end: expect.objectContaining({ reason: 'access.expired' }) })]);
    grants.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('follows an expiry that was put off', async () => {
    jest.useFakeTimers({ now: Date.UTC(2026, 0, 1) });
    const { grants, ended, open, store } = setUp();
    open(aRecord({ expiresAtMs: Date.now() + DAY_MS }));
    store(aRecord({ expiresAtMs: Date.now() + 3 * DAY_MS, version: 2 }));
    await grants.changed(nobody);
    await jest.advanceTimersByTimeAsync(2 * DAY_MS);
    expect(ended).toEqual([]);
    await jest.advanceTimersByTimeAsync(DAY_MS);
    expect(ended).toHaveLength(1);
    grants.stop();
  });

  it('has nothing to wait for where nothing expires', () => {
    jest.useFakeTimers();
    const { open } = setUp();
    open();
    expect(jest.getTimerCount()).toBe(0);
  });
});
