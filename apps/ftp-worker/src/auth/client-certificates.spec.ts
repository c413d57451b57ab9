import { describe, expect, it } from '@jest/globals';
import type { LoginRecord } from '@quayside/database';
import { newId } from '@quayside/domain';
import { type CertificateRule, FtpAuthenticator, type FtpAuthenticatorParts } from './ftp-authenticator.js';

function aRecord(username: string, slug = 'acme', changes: Partial<LoginRecord['account']> = {}): LoginRecord {
  const credential = { id: newId(), label: null, hash: 'right', expiresAtMs: null, addresses: [], pathPrefix: null };
  return {
    tenant: { id: newId(), slug, status: 'active', statusText: null, timeZone: 'UTC', version: 1 },
    account: {
      id: newId(),
      username,
      status: 'active',
      statusText: null,
      expiresAtMs: null,
      decoy: false,
      version: 1,
      ...changes,
    },
    anonymous: null,
    credentials: [{ ...credential, readOnly: false, tlsOnly: false, version: 1 }],
    mounts: [],
    policies: [],
  };
}

/** bob@acme, also as bob@ftp.acme.example; alice@acme; bob@umbrella; eve@acme who is suspended; a decoy. */
function anAuthenticator(certificates: CertificateRule): { authenticator: FtpAuthenticator; failures: string[] } {
  const bob = aRecord('bob');
  const records = new Map<string, LoginRecord>([
    ['bob@acme', bob],
    ['bob@ftp.acme.example', bob],
    ['alice@acme', aRecord('alice')],
    ['bob@umbrella', aRecord('bob', 'umbrella')],
    ['eve@acme', aRecord('eve', 'acme', { status: 'suspended' })],
    ['trap@acme', aRecord('trap', 'acme', { decoy: true })],
  ]);
  const failures: string[] = [];
  const parts = {
    accounts: {
      find: async ({ username, tenant }: { username: string; tenant: string }) =>
        records.get(`${username}@${tenant}`) ?? null,
    },
    tenants: { find: async (host: string) => (host === 'acme' ? { tenantId: 'of-acme' } : null) },
    hasher: {
      verify: async (password: string, hash: string) => password === hash,
      verifyNothing: async () => false,
    },
    verified: { has: () => false, add: () => undefined },
    throttle: {
      admit: async () => undefined,
      failed: (_login: string, _address: string, kind: string) => failures.push(kind),
      hasFailed: () => false,
      holdMs: () => 0,
      succeeded: () => undefined,
    },
    flood: { refused: () => undefined },
    sessions: { open: async () => undefined },
    grants: { opened: () => undefined },
    upkeep: { used: () => undefined },
    certificates,
  };
  return { authenticator: new FtpAuthenticator(parts as unknown as FtpAuthenticatorParts), failures };
}

function attempt(login: string, names: readonly string[] | null, hostTenant: string | null = null) {
  return {
    sessionId: newId(),
    login,
    hostTenant,
    remoteAddress: '192.0.2.1',
    tls: true,
    implicitTls: false,
    tlsVersion: 'TLSv1.3',
    tlsCipher: 'TLS_AES_256_GCM_SHA384',
    certificateNames: names,
    signal: new AbortController().signal,
  };
}

const RIGHT = 'right';

async function byPassword(rule: CertificateRule, login: string, names: readonly string[] | null, password = RIGHT) {
  const { authenticator } = anAuthenticator(rule);
  try {
    return (await authenticator.authenticate({ ...attempt(login, names), password })).login;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function byCertificate(rule: CertificateRule, login: string, names: readonly string[] | null, host?: string) {
  const { authenticator } = anAuthenticator(rule);
  const grant = await authenticator.authenticateByCertificate(attempt(login, names, host ?? null));
  return grant?.login ?? null;
}

describe('a login with a client certificate', () => {
  it('needs no password where the certificate is sufficient and names the account', async () => {
    expect(await byCertificate('sufficient', 'bob@acme', ['bob@acme'])).toBe('bob@acme');
    expect(await byCertificate('sufficient', 'bob@acme', ['Robert', 'BOB@ftp.acme.example'])).toBe('bob@acme');
    expect(await byCertificate('sufficient', 'bob', ['bob@acme'], 'acme')).toBe('bob@acme');
  });

  it.each([
    ['bob@acme', ['alice@acme']],
    ['bob@acme', ['bob@umbrella']],
    ['bob@acme', ['bob']],
    ['bob@acme', []],
    ['bob@acme', null],
    ['nobody@acme', ['nobody@acme']],
    ['trap@acme', ['trap@acme']],
  ])('asks %s for a password where the certificate names %j', async (login, names) => {
    expect(await byCertificate('sufficient', login, names)).toBeNull();
  });

  it('asks for the password in any case where the certificate is not sufficient', async () => {
    expect(await byCertificate('optional', 'bob@acme', ['bob@acme'])).toBeNull();
    expect(await byCertificate('required', 'bob@acme', ['bob@acme'])).toBeNull();
  });

  it('goes by the rules of account and tenant as with a password', async () => {
    await expect(byCertificate('sufficient', 'eve@acme', ['eve@acme'])).rejects.toMatchObject({
      code: 'account.suspended',
    });
  });

  it.each([
    ['sufficient', 'bob@acme', ['alice@acme'], 'auth.certificate'],
    ['sufficient', 'bob@acme', ['bob@umbrella'], 'auth.certificate'],
    ['sufficient', 'bob@acme', ['Robert'], 'bob@acme'],
    ['sufficient', 'bob@acme', null, 'bob@acme'],
    ['optional', 'bob@acme', ['bob@acme'], 'bob@acme'],
    ['optional', 'bob@acme', ['alice@acme', 'bob@ftp.acme.example'], 'bob@acme'],
    ['optional', 'bob@acme', null, 'bob@acme'],
    ['required', 'bob@acme', ['bob@acme'], 'bob@acme'],
    ['required', 'bob@acme', ['Robert'], 'auth.certificate'],
    ['required', 'bob@acme', null, 'auth.certificate'],
  ] as const)('with the password, %s: %s and a certificate for %j is %s', async (rule, login, names, outcome) => {
    expect(await byPassword(rule, login, names)).toBe(outcome);
  });

  it('stays a wrong password where the password is wrong', async () => {
    for (const rule of ['sufficient', 'optional', 'required'] as const) {
      expect(await byPassword(rule, 'bob@acme', ['bob@acme'], 'wrong')).toBe('auth.failed');
      expect(await byPassword(rule, 'bob@acme', ['alice@acme'], 'wrong')).toBe('auth.failed');
    }
  });
});

describe('a login whose account nobody has', () => {
  it.each([
    ['nobody@acme', null, 'of-acme'],
    ['nobody', 'acme', 'of-acme'],
    ['nobody@elsewhere', null, undefined],
    ['nobody', null, undefined],
  ])('%s, with HOST or SNI %s, is told to the tenant that it means', async (login, host, tenantId) => {
    const { authenticator } = anAuthenticator('sufficient');
    const refused = authenticator.authenticate({ ...attempt(login, null, host), password: RIGHT });
    const error = (await refused.catch((thrown: unknown) => thrown)) as { code: string; tenantId?: string };
    expect([error.code, error.tenantId]).toEqual(['auth.failed', tenantId]);
  });
});
