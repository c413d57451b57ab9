import type { LoginCredential, LoginRecord } from '@quayside/database';
import {
  DomainError,
  type ErrorCode,
  evaluateLogin,
  type FailureKind,
  isAnonymousName,
  loginError,
  type LoginName,
  parseLoginName,
  sourceOf,
  type SessionGrant,
} from '@quayside/domain';
import { type Authenticator, type LoginAttempt, LoginRefusal } from '@quayside/ftp-engine';
import type { PasswordHasher, VerifiedPasswords } from '@quayside/passwords';
import type { LiveGrants } from '../sessions/live-grants.js';
import type { SessionDirectory } from '../sessions/session-directory.js';
import type { AccountDirectory } from './account-directory.js';
import type { CredentialUpkeep } from './credential-upkeep.js';
import type { FloodGuard } from './flood-guard.js';
import { LoginRefused } from './login-refused.js';
import type { LoginThrottle } from './login-throttle.js';
import { SourceTurns } from './source-turns.js';
import { anonymousCredential, certificateCredential, grantOf, loginFacts } from './session-grants.js';

export interface FtpAuthenticatorParts {
  readonly accounts: AccountDirectory;
  /** Tenants by slug or domain. */
  readonly tenants: { find(host: string): Promise<{ readonly tenantId: string } | null> };
  readonly hasher: PasswordHasher;
  readonly verified: VerifiedPasswords;
  readonly throttle: LoginThrottle;
  readonly flood: FloodGuard;
  readonly sessions: SessionDirectory;
  readonly grants: LiveGrants;
  readonly upkeep: Pick<CredentialUpkeep, 'used' | 'exposed'>;
  /** What a client certificate that names the account is worth; see {@link CertificateRule}. */
  readonly certificates?: CertificateRule;
  readonly nowMs?: () => number;
}

/** Refusals that a flood of wrong passwords meets. */
const COUNTED: ReadonlySet<string> = new Set<ErrorCode>(['auth.failed', 'auth.throttled', 'auth.busy']);
/** For log and event; the client reads what every refusal says. */
const DECOY = 'The account is a decoy';

/**
 * What a verified client certificate that names the account is worth: `sufficient` saves the password, `optional` does
 * not, `required` is both for every login. One that names other accounts only is refused under each of them.
 */
export type CertificateRule = 'sufficient' | 'optional' | 'required';

type CertificateAttempt = Omit<LoginAttempt, 'password'>;
type FullName = LoginName & { readonly tenant: string };

/** Names in one certificate that are looked at. */
const MAX_NAMES = 16;

/**
 * Who is it, and may they come in: throttle → account → password → policy → place among the sessions. Every refusal
 * takes a hash's time and reads the same (RFC 2577 §7); the true reason is in the error's code, for log and event.
 */
export class FtpAuthenticator implements Authenticator {
  private readonly nowMs: () => number;
  private readonly turns = new SourceTurns();
  /** The first attempt of a source at an account whose password is not known yet; ends, never fails. */
  private readonly proofs = new Map<string, Promise<void>>();
  private readonly certificates: CertificateRule;

  constructor(private readonly parts: FtpAuthenticatorParts) {
    this.nowMs = parts.nowMs ?? Date.now;
    this.certificates = parts.certificates ?? 'sufficient';
  }

  async authenticate(attempt: LoginAttempt): Promise<SessionGrant> {
    try {
      return await this.decide(attempt);
    } catch (error) {
      if (error instanceof DomainError && COUNTED.has(error.code)) this.parts.flood.refused(attempt.remoteAddress);
      throw error;
    }
  }

  private async decide(attempt: LoginAttempt): Promise<SessionGrant> {
    const { throttle, hasher } = this.parts;
    const { login, remoteAddress, password } = attempt;
    await throttle.admit(login, remoteAddress);
    const record = await this.find(attempt);
    if (record === null || record.account.decoy) {
      const tenantId = record === null ? this.tenantOf(attempt) : null;
      await this.inTurn(attempt, () => hasher.verifyNothing(password, attempt.signal));
      return this.refuse(attempt, record === null ? 'unknown-account' : 'decoy', record, await tenantId);
    }
    const anonymous = isAnonymous(record, login);
    const credential = anonymous ? anonymousCredential(record) : await this.verify(record, attempt);
    if (credential === null) return this.refuse(attempt, 'wrong-password', record);
    if (!(await this.certificateAllows(record, attempt, anonymous))) {
      throw this.refusedAfterPassword(attempt, record, new DomainError('auth.certificate'));
    }
    const grant = await this.enter(record, credential, attempt);
    if (!anonymous) this.parts.upkeep.used(credential, password, remoteAddress);
    return grant;
  }

  /** Null where the certificate alone does not do: it names somebody else, or nobody, or a password is wanted as well. */
  async authenticateByCertificate(attempt: CertificateAttempt): Promise<SessionGrant | null> {
    const names = loginNamesOf(attempt.certificateNames);
    if (this.certificates !== 'sufficient' || names.length === 0) return null;
    await this.parts.throttle.admit(attempt.login, attempt.remoteAddress);
    const record = await this.find(attempt);
    if (record === null || record.account.decoy || isAnonymous(record, attempt.login)) return null;
    if (!(await this.isNamed(record, names))) return null;
    return this.enter(record, certificateCredential(record), attempt);
  }

  /** The account is proved: may it be used from there, so, and now, and is there a place? */
  private async enter(
    record: LoginRecord,
    credential: LoginCredential,
    attempt: CertificateAttempt,
  ): Promise<SessionGrant> {
    const { login, remoteAddress, tls } = attempt;
    const decision = evaluateLogin(loginFacts(record, credential, { address: remoteAddress, tls, atMs: this.nowMs() }));
    if (!decision.ok) {
      const exposed = decision.error === 'auth.tls-required' && !isAnonymous(record, login);
      if (exposed) this.parts.upkeep.exposed(credential);
      throw this.refusedAfterPassword(attempt, record, loginError(decision));
    }
    const grant = grantOf(record, credential);
    await this.parts.sessions.open(attempt, grant);
    this.parts.grants.opened(attempt, grant, credential, record);
    this.parts.throttle.succeeded(login, remoteAddress);
    return grant;
  }

  /** Besides the password: a certificate must not name another account, and where one is required, name this one. */
  private async certificateAllows(record: LoginRecord, attempt: LoginAttempt, anonymous: boolean): Promise<boolean> {
    const names = loginNamesOf(attempt.certificateNames);
    if (this.certificates === 'required') return this.isNamed(record, names);
    return names.length === 0 || anonymous || this.isNamed(record, names);
  }

  private async isNamed(record: LoginRecord, names: readonly FullName[]): Promise<boolean> {
    for (const name of names) {
      const named = await this.parts.accounts.find(name);
      if (named !== null && named.account.id === record.account.id) return true;
    }
    return false;
  }

  /** The account that the login name, or HOST and SNI with it, mean; null where they mean nobody. */
  private async find(attempt: CertificateAttempt): Promise<LoginRecord | null> {
    const name = parseLoginName(attempt.login);
    if (name === null) return null;
    const tenant = name.tenant ?? attempt.hostTenant;
    if (tenant === null) return null;
    const record = await this.parts.accounts.find({ username: name.username, tenant });
    // A suffix that contradicts HOST or SNI means nobody.
    const contradicts = attempt.hostTenant !== null && record !== null && record.tenant.slug !== attempt.hostTenant;
    return contradicts ? null : record;
  }

  /** The tenant that a login means whose account nobody has; for its event only. */
  private async tenantOf({ login, hostTenant }: LoginAttempt): Promise<string | null> {
    const tenant = parseLoginName(login)?.tenant ?? hostTenant;
    if (tenant === null) return null;
    return this.parts.tenants.find(tenant).then(
      (found) => found?.tenantId ?? null,
      () => null,
    );
  }

  /** The credential that the password proves; null where it proves none. */
  private async verify(record: LoginRecord, attempt: LoginAttempt): Promise<LoginCredential | null> {
    const { hasher, verified } = this.parts;
    const { password } = attempt;
    const remembered = (): LoginCredential | undefined =>
      record.credentials.find(({ id, hash }) => verified.has(id, hash, password));
    const known = remembered();
    if (known !== undefined) return known;
    const ahead = this.proofAhead(record, attempt);
    if (ahead !== undefined) await ahead;
    const { signal } = attempt;
    signal.throwIfAborted();
    return (
      remembered() ??
      this.proving(record, attempt, async () => {
        // Another connection of the same client may have proved it meanwhile.
        const proved = remembered();
        if (proved !== undefined) return proved;
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

  /**
   * A client that opens many connections at once sends one password many times: all but the first wait for its hash
   * instead of queueing for their own, where the queue would turn most of them away. Not where the source has failed
   * lately: a flood is to be turned away.
   */
  private proofAhead(record: LoginRecord, { remoteAddress }: LoginAttempt): Promise<void> | undefined {
    return this.parts.throttle.hasFailed(remoteAddress) ? undefined : this.proofs.get(proofKey(record, remoteAddress));
  }

  private proving<T>(record: LoginRecord, attempt: LoginAttempt, work: () => Promise<T>): Promise<T> {
    const key = proofKey(record, attempt.remoteAddress);
    const proof = this.inTurn(attempt, work);
    if (this.proofs.has(key)) return proof;
    const ended = proof.then(
      () => undefined,
      () => undefined,
    );
    this.proofs.set(key, ended);
    return proof.finally(() => this.proofs.delete(key));
  }

  /** One hash of a source at a time; what its attempts before this one earned is looked at again when its turn comes. */
  private inTurn<T>({ login, remoteAddress, signal }: LoginAttempt, work: () => Promise<T>): Promise<T> {
    const rests = (): boolean => this.parts.throttle.hasFailed(remoteAddress);
    return this.turns.run(sourceOf(remoteAddress), rests, async () => {
      signal.throwIfAborted();
      await this.parts.throttle.admit(login, remoteAddress);
      return work();
    });
  }

  /** Counts nothing, and is held back as long as a wrong password. */
  private refusedAfterPassword(
    { login, remoteAddress }: CertificateAttempt,
    record: LoginRecord,
    error: DomainError,
  ): DomainError {
    return refused(error, record, this.parts.throttle.holdMs(login, remoteAddress));
  }

  /** The score tells how long the session holds the reply back. */
  private refuse(
    attempt: LoginAttempt,
    kind: FailureKind,
    record: LoginRecord | null,
    tenantId: string | null = null,
  ): never {
    const holdMs = this.parts.throttle.failed(attempt.login, attempt.remoteAddress, kind);
    const detail = kind === 'decoy' ? DECOY : undefined;
    const error = new DomainError('auth.failed', { detail });
    if (record === null && tenantId !== null) throw new LoginRefused(error, holdMs, tenantId, null);
    throw refused(error, record, holdMs);
  }
}

function refused(error: DomainError, record: LoginRecord | null, holdMs: number): DomainError {
  return record === null
    ? new LoginRefusal(error, holdMs)
    : new LoginRefused(error, holdMs, record.tenant.id, record.account.id);
}

function proofKey(record: LoginRecord, remoteAddress: string): string {
  return `${record.account.id} ${sourceOf(remoteAddress)}`;
}

function isAnonymous(record: LoginRecord, login: string): boolean {
  return record.anonymous !== null && isAnonymousName(parseLoginName(login)!.username);
}

/** Only whole login names count, `user@tenant`: the authorities vouch for names, and a bare one is many tenants'. */
function loginNamesOf(names: readonly string[] | null): readonly FullName[] {
  return (names ?? []).slice(0, MAX_NAMES).flatMap((text) => {
    const name = parseLoginName(text);
    return name === null || name.tenant === null ? [] : [{ username: name.username, tenant: name.tenant }];
  });
}
