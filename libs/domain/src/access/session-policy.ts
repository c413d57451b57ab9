import type { ErrorCode } from '../errors/error-catalog.js';
import type { DecidingRule } from './access-policy.js';
import { evaluateLogin, type LoginFacts } from './login-policy.js';

/** What has become of an account and of the password that opened the session; null where it is gone. */
export interface SessionFactsNow extends Omit<LoginFacts, 'tenant' | 'account'> {
  readonly tenant: LoginFacts['tenant'] | null;
  readonly account: LoginFacts['account'] | null;
  /** False where the password was removed or replaced after the login. */
  readonly credentialStands: boolean;
}

export type SessionDecision =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** Why, for the event. The client gets 421 with `text`. */
      readonly error: ErrorCode;
      readonly rule: DecidingRule;
      readonly text: string;
    };

/**
 * Whether an open session may go on: exactly when its login would be let in now. A session whose answer stays yes gets
 * the new grant swapped in.
 */
export function mayContinue(facts: SessionFactsNow): SessionDecision {
  const { tenant, account } = facts;
  if (tenant === null || account === null) return ended('the account was removed');
  if (!facts.credentialStands) return ended('the password was changed');
  const decision = evaluateLogin({ ...facts, tenant, account });
  if (decision.ok) return decision;
  return {
    ok: false,
    error: decision.error,
    rule: decision.rule,
    text: decision.customerText ?? SENTENCES[decision.error] ?? ENDED,
  };
}

const ENDED = 'The session was ended by the administrator';

/** Whoever is told this has logged in, so that the reason gives nothing away. */
const SENTENCES: Partial<Record<ErrorCode, string>> = {
  'account.suspended': 'This account is suspended',
  'access.expired': 'The access has expired',
  'access.time-refused': 'The hours of access are over',
  'auth.tls-required': 'TLS is required from now on; connect again with TLS',
};

function ended(rule: string): SessionDecision {
  return { ok: false, error: 'session.ended', rule: { source: 'account', policyId: null, rule }, text: ENDED };
}
