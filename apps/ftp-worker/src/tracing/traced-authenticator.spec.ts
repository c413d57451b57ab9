import { describe, expect, it } from '@jest/globals';
import { DomainError, type SessionGrant } from '@quayside/domain';
import type { LoginAttempt } from '@quayside/ftp-engine';
import type { FinishedSpan } from '@quayside/observability';
import { LoginRefused } from '../auth/login-refused.js';
import { TracedAuthenticator } from './traced-authenticator.js';

const attempt: LoginAttempt = {
  sessionId: 'session-1',
  login: 'typed-a-password-here',
  password: 'hunter2',
  hostTenant: null,
  remoteAddress: '192.0.2.1',
  tls: true,
  implicitTls: false,
  tlsVersion: null,
  tlsCipher: null,
  certificateNames: null,
  signal: new AbortController().signal,
};
const grant = { tenantId: 'tenant-1', accountId: 'account-1' } as SessionGrant;

function traced(decide: () => Promise<SessionGrant>, byCertificate: SessionGrant | null = null) {
  const spans: FinishedSpan[] = [];
  const authenticator = new TracedAuthenticator(
    { authenticate: decide, authenticateByCertificate: () => Promise.resolve(byCertificate) },
    { record: (span) => void spans.push(span) },
  );
  return { authenticator, spans };
}

describe('TracedAuthenticator', () => {
  it('tells whose session it became', async () => {
    const { authenticator, spans } = traced(() => Promise.resolve(grant));
    expect(await authenticator.authenticate(attempt)).toBe(grant);
    expect(spans).toMatchObject([
      {
        name: 'ftp login',
        attributes: {
          'session.id': 'session-1',
          'tenant.id': 'tenant-1',
          'account.id': 'account-1',
          'login.outcome': 'accepted',
        },
      },
    ]);
  });

  it('tells why not, and neither what was typed nor from where', async () => {
    const refusal = new LoginRefused(new DomainError('auth.failed'), 0, 'tenant-1', 'account-1');
    const { authenticator, spans } = traced(() => Promise.reject(refusal));
    await expect(authenticator.authenticate(attempt)).rejects.toBe(refusal);
    expect(spans[0]?.attributes).toMatchObject({
      'login.outcome': 'refused',
      'login.reason': 'auth.failed',
      'account.id': 'account-1',
    });
    expect(spans[0]?.error).toBeUndefined();
    expect(JSON.stringify(spans)).not.toMatch(/hunter2|typed-a-password-here|192\.0\.2\.1/);
  });

  it('marks a fault of the server as an error', async () => {
    const { authenticator, spans } = traced(() => Promise.reject(new TypeError('bug')));
    await expect(authenticator.authenticate(attempt)).rejects.toThrow('bug');
    expect(spans[0]?.error).toBe('internal');
  });

  it('says nothing of a certificate after which a password is asked for', async () => {
    const { authenticator, spans } = traced(() => Promise.resolve(grant));
    expect(await authenticator.authenticateByCertificate(attempt)).toBeNull();
    expect(spans).toEqual([]);
  });
});
