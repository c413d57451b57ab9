import { DomainError, type SessionGrant } from '@quayside/domain';
import type { Authenticator, LoginAttempt } from '@quayside/ftp-engine';
import type { Traces } from '@quayside/observability';
import { LoginRefused } from '../auth/login-refused.js';

type CertificateAttempt = Omit<LoginAttempt, 'password'>;

/** A span for each decision about a login. The login name is not told: people type passwords there. */
export class TracedAuthenticator implements Authenticator {
  constructor(
    private readonly authenticator: Required<Authenticator>,
    private readonly traces: Pick<Traces, 'record'>,
    private readonly nowMs: () => number = Date.now,
  ) {}

  authenticate(attempt: LoginAttempt): Promise<SessionGrant> {
    return this.traced(attempt, 'password', this.authenticator.authenticate(attempt));
  }

  authenticateByCertificate(attempt: CertificateAttempt): Promise<SessionGrant | null> {
    return this.traced(attempt, 'certificate', this.authenticator.authenticateByCertificate(attempt));
  }

  /** A certificate that does not do is no login yet. */
  private async traced<T extends SessionGrant | null>(
    attempt: CertificateAttempt,
    proof: 'password' | 'certificate',
    decision: Promise<T>,
  ): Promise<T> {
    const startMs = this.nowMs();
    try {
      const grant = await decision;
      if (grant !== null) {
        const { tenantId, accountId } = grant;
        this.record(attempt, proof, startMs, { outcome: 'accepted', tenantId, accountId });
      }
      return grant;
    } catch (error) {
      const reason = error instanceof DomainError ? error.code : 'internal';
      const { tenantId, accountId } = error instanceof LoginRefused ? error : {};
      this.record(attempt, proof, startMs, {
        outcome: 'refused',
        reason,
        tenantId,
        accountId: accountId ?? undefined,
      });
      throw error;
    }
  }

  private record(
    { sessionId, tls, implicitTls }: CertificateAttempt,
    proof: 'password' | 'certificate',
    startMs: number,
    login: {
      readonly outcome: 'accepted' | 'refused';
      readonly reason?: string;
      readonly tenantId?: string;
      readonly accountId?: string;
    },
  ): void {
    this.traces.record({
      name: 'ftp login',
      kind: 'server',
      startMs,
      endMs: this.nowMs(),
      attributes: {
        'network.protocol.name': implicitTls ? 'ftps' : 'ftp',
        'session.id': sessionId,
        'tenant.id': login.tenantId,
        'account.id': login.accountId,
        'login.tls': tls,
        'login.proof': proof,
        'login.outcome': login.outcome,
        'login.reason': login.reason,
      },
      // Refusals are the server at work; faults of it are errors.
      error: login.reason === 'internal' || login.reason === 'database.unavailable' ? login.reason : undefined,
    });
  }
}
