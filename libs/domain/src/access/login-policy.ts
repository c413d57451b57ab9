import { DomainError } from '../errors/domain-error.js';
import type { ErrorCode } from '../errors/error-catalog.js';
import { type ErrorReply, toReply } from '../errors/to-reply.js';
import type { AccessPolicy, DecidingRule, Visit } from './access-policy.js';
import { type CredentialLimits, NO_CREDENTIAL_LIMITS, restrictToCredential } from './credential-limits.js';
import { earliest } from './merge-policies.js';
import { effectiveStatus, type StatusFacts } from './status.js';

/** All that decides whether an account may be used at all. Call it after the password has been proved right. */
export interface LoginFacts {
  readonly tenant: StatusFacts;
  readonly account: StatusFacts & { readonly expiresAtMs: number | null };
  /** The password that was proved right; null asks about the account alone (explain). */
  readonly credential: CredentialLimits | null;
  /** The merged policy of the account, without the credential's limits. */
  readonly policy: AccessPolicy;
  readonly attempt: Visit;
}

export type LoginDecision = { readonly ok: true } | LoginRefusal;

export interface LoginRefusal {
  readonly ok: false;
  /** For the log, the event and explain; never told to the client. */
  readonly error: ErrorCode;
  readonly rule: DecidingRule;
  /** What an admin wrote for the customers of a suspended account; null: they get the one text of every refusal. */
  readonly customerText: string | null;
}

/**
 * Whether the account may be used from there, so, and now: status, expiry, then the password's own limits, then the
 * policy (expiry, protocol, address, hours).
 */
export function evaluateLogin(facts: LoginFacts): LoginDecision {
  const { tenant, account, credential, attempt } = facts;
  const { status, source, customText } = effectiveStatus(tenant, account);
  if (status === 'suspended') {
    const rule = { source: 'status', policyId: null, rule: `the ${source} is suspended` };
    return { ok: false, error: 'account.suspended', rule, customerText: customText };
  }
  if (account.expiresAtMs !== null && attempt.atMs >= account.expiresAtMs) {
    const rule = `the account expires at ${new Date(account.expiresAtMs).toISOString()}`;
    return {
      ok: false,
      error: 'access.expired',
      rule: { source: 'account', policyId: null, rule },
      customerText: null,
    };
  }
  const policy = restrictToCredential(facts.policy, credential ?? NO_CREDENTIAL_LIMITS);
  const refusal = policy.refusesVisit(attempt);
  return refusal === null ? { ok: true } : { ok: false, error: refusal.code, rule: refusal.rule, customerText: null };
}

/** The next instant at which time alone may turn the answer of `evaluateLogin`; null where none. For a session's timer. */
export function nextLoginChange(facts: Omit<LoginFacts, 'attempt'>, atMs: number): number | null {
  const { expiresAtMs } = facts.account;
  const policy = restrictToCredential(facts.policy, facts.credential ?? NO_CREDENTIAL_LIMITS);
  return earliest([expiresAtMs !== null && expiresAtMs > atMs ? expiresAtMs : null, policy.nextChange(atMs)]);
}

/** One reply for every refused login: it must not tell which part was wrong (RFC 2577 §7). */
export const REFUSED_LOGIN: ErrorReply = { code: 530, text: 'Authentication failed.' };

/** The refusal as the error that the authenticator throws: true code for the log, uniform text for the client. */
export function loginError(refusal: LoginRefusal): DomainError {
  return new DomainError(refusal.error, { detail: refusal.customerText ?? REFUSED_LOGIN.text });
}

/** What the client of a refused login reads: what an admin wrote for it, or what everybody reads. */
export function refusedLoginReply({ code, detail }: DomainError): ErrorReply {
  if (code !== 'account.suspended' || detail === undefined) return REFUSED_LOGIN;
  return toReply(new DomainError(code, { detail }));
}
