import { setTimeout as sleep } from 'node:timers/promises';
import { asDomainError, type DomainError, ERROR_CATALOG, ROOT, type SessionGrant } from '@quayside/domain';
import { type Reply, reply } from '../control/reply.js';
import { diagnoseLogin } from '../doctor/diagnose.js';
import { DOCTOR } from '../doctor/doctor-table.js';
import { AccountFileSystem } from '../filesystem/account-file-system.js';
import type { Session } from '../session/session.js';
import { type CommandContext, defineCommand } from './define-command.js';

const USER_FIRST = reply(503, 'Login with USER first.');
const ALREADY = reply(503, 'User already authenticated.');
/** One text for every refusal: it must not tell which part was wrong (RFC 2577 §7). */
const INCORRECT = reply(530, 'Authentication failed.');
const TOO_MANY_FAILURES = reply(421, 'Too many failed logins.', 'close');

/** RFC 959 §4.1.1 PASS. The argument is used byte for byte: a password may hold quotes, spaces and leading dashes. */
export const pass = defineCommand({
  directive: 'PASS',
  syntax: '{{cmd}} <password>',
  description: 'Log in with a password',
  rfc: 'RFC 959 §4.1.1',
  flags: { no_auth: true, secret: true },
  handler: (context) => {
    if (context.session.grant !== null) return ALREADY;
    if (context.session.pendingLogin === null) return USER_FIRST;
    return logIn(context, context.session.pendingLogin);
  },
});

async function logIn({ session, arg, signal }: CommandContext, login: string): Promise<Reply> {
  session.pendingLogin = null;
  let grant: SessionGrant;
  try {
    grant = await session.engine.ports.authenticator.authenticate({
      sessionId: session.id,
      login,
      password: arg,
      hostTenant: session.hostTenant,
      remoteAddress: session.remoteAddress,
      tls: session.tls !== null,
      implicitTls: session.tls?.implicit ?? false,
      tlsVersion: session.tls?.version ?? null,
      tlsCipher: session.tls?.cipher ?? null,
      certificateName: null,
      signal,
    });
  } catch (thrown) {
    return refuse(session, login, asDomainError(thrown), signal);
  }
  become(session, grant);
  session.engine.ports.journal.record(session.facts(), grant, { type: 'login.succeeded' });
  return reply(230, 'Login successful.');
}

function become(session: Session, grant: SessionGrant): void {
  session.grant = grant;
  session.loginFailures = 0;
  session.cwd = ROOT;
  session.fs = new AccountFileSystem(session, grant);
}

async function refuse(session: Session, login: string, error: DomainError, signal: AbortSignal): Promise<Reply> {
  const diagnosis = diagnoseLogin(error.code);
  session.engine.ports.journal.record(session.facts(), null, {
    type: 'login.failed',
    login,
    error,
    doctor: { code: diagnosis, hint: DOCTOR[diagnosis].hint },
  });
  if (error.code === 'internal') throw error;
  // The password was right: no failed attempt, so neither delay nor count.
  if (error.code === 'session.limit') return INCORRECT;
  if (ERROR_CATALOG[error.code].ftp !== 530) throw error;
  const { limits } = session.engine.options;
  session.loginFailures++;
  await sleep(session.loginFailures * limits.loginFailureDelay, undefined, { signal });
  if (session.loginFailures < limits.loginFailures) return INCORRECT;
  session.endReason = 'login-failures';
  return TOO_MANY_FAILURES;
}
