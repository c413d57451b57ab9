import { describe, expect, it } from '@jest/globals';
import type { LoginRecord } from '@quayside/database';
import { newId } from '@quayside/domain';
import { FtpAuthenticator, type FtpAuthenticatorParts } from './ftp-authenticator.js';

const CONNECTIONS = 50;

function aRecord(): LoginRecord {
  const credential = { id: newId(), label: null, hash: 'right', expiresAtMs: null, addresses: [], pathPrefix: null };
  return {
    tenant: { id: newId(), slug: 'acme', status: 'active', statusText: null, timeZone: 'UTC', version: 1 },
    account: {
      id: newId(),
      username: 'bob',
      status: 'active',
      statusText: null,
      expiresAtMs: null,
      decoy: false,
      version: 1,
    },
    anonymous: null,
    credentials: [{ ...credential, readOnly: false, tlsOnly: false, version: 1 }],
    mounts: [],
    policies: [],
  };
}

/** What each of many logins at the same moment ends with, and how many hashes they cost. */
async function logins(password: string, failedBefore = false): Promise<{ outcomes: string[]; hashes: number }> {
  const record = aRecord();
  const proved = new Set<string>();
  let hashes = 0;
  const parts = {
    accounts: { find: async () => record },
    hasher: {
      verify: async (given: string, hash: string) => {
        hashes++;
        await new Promise((resolve) => setImmediate(resolve));
        return given === hash;
      },
    },
    verified: {
      has: (id: string, _hash: string, given: string) => proved.has(`${id} ${given}`),
      add: (id: string, _hash: string, given: string) => proved.add(`${id} ${given}`),
    },
    throttle: {
      admit: async () => undefined,
      failed: () => 0,
      hasFailed: () => failedBefore,
      holdMs: () => 0,
      succeeded: () => undefined,
    },
    flood: { refused: () => undefined },
    sessions: { open: async () => undefined },
    grants: { opened: () => undefined },
    upkeep: { used: () => undefined },
  };
  const authenticator = new FtpAuthenticator(parts as unknown as FtpAuthenticatorParts);
  const attempt = () =>
    authenticator.authenticate({
      sessionId: newId(),
      login: 'bob@acme',
      hostTenant: null,
      remoteAddress: '192.0.2.1',
      tls: true,
      implicitTls: false,
      tlsVersion: 'TLSv1.3',
      tlsCipher: 'TLS_AES_256_GCM_SHA384',
      certificateNames: null,
      password,
      signal: new AbortController().signal,
    });
  const outcomes = await Promise.all(
    Array.from({ length: CONNECTIONS }, () =>
      attempt().then(
        () => 'in',
        (error: { code: string }) => error.code,
      ),
    ),
  );
  return { outcomes, hashes };
}

describe('many logins of one client at the same moment', () => {
  it('cost one hash and are all let in with the right password', async () => {
    const { outcomes, hashes } = await logins('right');
    expect(new Set(outcomes)).toEqual(new Set(['in']));
    expect(hashes).toBe(1);
  });

  it.each([false, true])('are refused or turned away with a wrong one (failed before: %s)', async (failedBefore) => {
    const { outcomes, hashes } = await logins('wrong', failedBefore);
    expect(new Set(outcomes)).toEqual(new Set(['auth.failed', 'auth.busy']));
    expect(hashes).toBeLessThan(CONNECTIONS / 2);
  });
});
