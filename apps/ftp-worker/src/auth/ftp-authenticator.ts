import type { LoginCredential, LoginRecord } from '@quayside/database';
import {
  DomainError,
  evaluateLogin,
  type FailureKind,
  isAnonymousName,
  loginError,
  parseLoginName,
  sourceOf,
  type SessionGrant,
} from '@quayside/domain';
import type { Authenticator, LoginAttempt } from '@quayside/ftp-engine';
import type { PasswordHasher, VerifiedPasswords } from '@quayside/passwords';
import type { LiveGrants } from '../sessions/live-grants.js';
import type { SessionDirectory } from '../sessions/session-directory.js';
import type { AccountDirectory } from './account-directory.js';
import type { CredentialUpkeep } from './credential-upkeep.js';
import { LoginRefused } from './login-refused.js';
import type { LoginThrottle } from './login-throttle.js';
import { SourceTurns } from './source-turns.js';
import { anonymousCredential, grantOf, loginFacts } from './session-grants.js';

export interface FtpAuthenticatorParts {
  readonly accounts: AccountDirectory;
  readonly hasher: PasswordHasher;
  readonly verified: VerifiedPasswords;
  readonly throttle: LoginThrottle;
  readonly sessions: SessionDirectory;
  readonly grants: LiveGrants;
  readonly upkeep: Pick<CredentialUpkeep, 'used'>;
  readonly nowMs?: () => number;
}

/**
 * Who is it, and may they come in: throttle → account → password → policy → place among the sessions. Every refusal
 * takes a hash's time and reads the same (RFC 2577 §7); the true reason is in the error's code, for log and event.
 */
export class FtpAuthenticator implements Authenticator {
  private readonly nowMs: () => number;
  private readonly turns = new SourceTurns();

  constructor(private readonly parts: FtpAuthenticatorParts) {
    this.nowMs = parts.nowMs ?? Date.now;
  }

  async authenticate(attempt: LoginAttempt): Promise<SessionGrant> {
    const { throttle, hasher } = this.parts;
    const { login, remoteAddress, password, signal } = attempt;
    await throttle.admit(login, remoteAddress);
    const record = await this.find(attempt);
    if (record === null || record.account.decoy) {
      await this.inTurn(attempt, () => hasher.verifyNothing(password, signal));
      return this.refuse(attempt, record === null ? 'unknown-account' : 'decoy', record);
    }
    const anonymous = record.anonymous !== null && isAnonymousName(parseLoginName(login)!.username);
    const credential = anonymous ? anonymousCredential(record) : await this.verify(record, attempt);
    if (credential === null) return this.refuse(attempt, 'wrong-password', record);
    const visit = { address: remoteAddress, tls: attempt.tls, atMs: this.nowMs() };
    const decision = evaluateLogin(loginFacts(record, credential, visit));
    if (!decision.ok) throw refused(loginError(decision), record);
    const grant = grantOf(record, credential);
    await this.parts.sessions.open(attempt, grant);
    this.parts.grants.opened(attempt, grant, credential, record);
    throttle.succeeded(login, remoteAddress);
    if (!anonymous) this.parts.upkeep.used(credential, password, remoteAddress);
    return grant;
  }

  /** The account that the login name, or HOST and SNI with it, mean; null where they mean nobody. */
  private async find(attempt: LoginAttempt): Promise<LoginRecord | null> {
    const name = parseLoginName(attempt.login);
    if (name === null) return null;
    const tenant = name.tenant ?? attempt.hostTenant;
    if (tenant === null) return null;
    const record = await this.parts.accounts.find({ username: name.username, tenant });
    // A suffix that contradicts HOST or SNI means nobody.
    const contradicts = attempt.hostTenant !== null && record !== null && record.tenant.slug !== attempt.hostTenant;
    return contradicts ? null : record;
  }

  /** The credential that the password proves; null where it proves none. */
  private async verify(record: LoginRecord, attempt: LoginAttempt): Promise<LoginCredential | null> {
    const { hasher, verified } = this.parts;
    const { password, signal } = attempt;
    const remembered = (): LoginCredential | undefined =>
      record.credentials.find(({ id, hash }) => verified.has(id, hash, password));
    return (
      remembered() ??
      this.inTurn(attempt, async () => {
        // Another connection of the same client may have proved it meanwhile.
        const known = remembered();
        if (known !== undefined) return known;
        for (const credential of record.credentials) {
          if (!(await hasher.verify(password, credential.hash, signal))) continue;
          verified.add(credential.id, credential.hash, password);
          return credential;
        }
        if (record.credentials.length === 0) await hasher.verifyNothing(password, signal);
        return null;
      })
    );
  }

  /** One hash of a source at a time; what its attempts before this one earned is looked at again when its turn comes. */
  private inTurn<T>({ login, remoteAddress, signal }: LoginAttempt, work: () => Promise<T>): Promise<T> {
    return this.turns.run(sourceOf(remoteAddress), async () => {
      signal.throwIfAborted();
      await this.parts.throttle.admit(login, remoteAddress);
      return work();
    });
  }

  /** The session holds the reply back; what counts here is the score. */
  private refuse(attempt: LoginAttempt, kind: FailureKind, record: LoginRecord | null): never {
    this.parts.throttle.failed(attempt.login, attempt.remoteAddress, kind);
    throw refused(new DomainError('auth.failed'), record);
  }
}

function refused(error: DomainError, record: LoginRecord | null): DomainError {
  return record === null ? error : new LoginRefused(error, record.tenant.id, record.account.id);
}
