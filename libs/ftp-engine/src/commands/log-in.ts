import { setTimeout as sleep } from 'node:timers/promises';
import { type DomainError, ERROR_CATALOG, refusedLoginReply, ROOT, type SessionGrant } from '@quayside/domain';
import { type Reply, reply } from '../control/reply.js';
import { diagnoseLogin } from '../doctor/diagnose.js';
import { DOCTOR } from '../doctor/doctor-table.js';
import { AccountFileSystem } from '../filesystem/account-file-system.js';
import { type LoginAttempt, LoginRefusal } from '../ports.js';
import type { Session } from '../session/session.js';
import type { CommandContext } from './define-command.js';

const TOO_MANY_FAILURES = reply(421, 'Too many failed logins.', 'close');

/**
 * What is known about a login. The command's signal is asked for where somebody waits only: a warm login makes none. A
 * class, because V8 makes a slow object with a map of its own of each literal that has a getter.
 */
export class CommandLoginAttempt implements LoginAttempt {
  readonly sessionId: string;
  readonly hostTenant: string | null;
  readonly remoteAddress: string;
  readonly tls: boolean;
  readonly implicitTls: boolean;
  readonly tlsVersion: string | null;
  readonly tlsCipher: string | null;
  readonly certificateNames: readonly string[] | null;
  readonly #context: CommandContext;

  constructor(
    context: CommandContext,
    readonly login: string,
    readonly password: string,
  ) {
    const { session } = context;
    const { tls } = session;
    this.#context = context;
    this.sessionId = session.id;
    this.hostTenant = session.hostTenant;
    this.remoteAddress = session.remoteAddress;
    this.tls = tls !== null;
    this.implicitTls = tls?.implicit ?? false;
    this.tlsVersion = tls?.version ?? null;
    this.tlsCipher = tls?.cipher ?? null;
    this.certificateNames = tls?.certificateNames ?? null;
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }
}

/** The session is the account’s from now on. */
export function become(session: Session, grant: SessionGrant): void {
  session.grant = grant;
  session.loginFailures = 0;
  session.cwd = ROOT;
  session.fs = new AccountFileSystem(session, grant);
  session.engine.ports.journal.record(session.facts(), grant, { type: 'login.succeeded' });
}

/** The event that says why, the delay (from `startedMs` of the monotonic clock), and the reply that does not. */
export async function refuseLogin(
  session: Session,
  login: string,
  error: DomainError,
  startedMs: number,
  signal: AbortSignal,
): Promise<Reply> {
  const diagnosis = diagnoseLogin(error.code);
  session.engine.ports.journal.record(session.facts(), null, {
    type: 'login.failed',
    login,
    error,
    doctor: { code: diagnosis, hint: DOCTOR[diagnosis].hint },
  });
  if (error.code === 'internal') throw error;
  const { code, text } = refusedLoginReply(error);
  const refused = reply(code, text);
  // The password was right: no failed attempt, so neither delay nor count.
  if (error.code === 'session.limit') return refused;
  if (ERROR_CATALOG[error.code].ftp !== 530) throw error;
  const { limits } = session.engine.options;
  session.loginFailures++;
  const holdMs = Math.max(
    session.loginFailures * limits.loginFailureDelay,
    error instanceof LoginRefusal ? error.holdMs : 0,
  );
  await sleep(restOf(holdMs, performance.now() - startedMs), undefined, { signal });
  if (session.loginFailures < limits.loginFailures) return refused;
  session.endReason = 'login-failures';
  return TOO_MANY_FAILURES;
}

/** The reply goes out at a whole multiple of `holdMs`, so that it does not tell how long the passwords took to compare. */
function restOf(holdMs: number, elapsedMs: number): number {
  return holdMs === 0 ? 0 : holdMs * Math.max(1, Math.ceil(elapsedMs / holdMs)) - elapsedMs;
}
