import { asDomainError, type SessionGrant } from '@quayside/domain';
import { type Reply, reply } from '../control/reply.js';
import { type CommandContext, defineCommand } from './define-command.js';
import { become, CommandLoginAttempt, refuseLogin } from './log-in.js';

const USER_FIRST = reply(503, 'Login with USER first.');
const ALREADY = reply(503, 'User already authenticated.');
const WELCOME = reply(230, 'Login successful.');
const SUPERFLUOUS = reply(202, 'Already logged in by certificate.');

/** RFC 959 §4.1.1 PASS. The argument is used byte for byte: a password may hold quotes, spaces and leading dashes. */
export const pass = defineCommand({
  directive: 'PASS',
  syntax: '{{cmd}} <password>',
  description: 'Log in with a password',
  rfc: 'RFC 959 §4.1.1',
  flags: { no_auth: true, secret: true },
  handler: (context) => {
    if (context.session.grant !== null) return context.session.byCertificate ? SUPERFLUOUS : ALREADY;
    if (context.session.pendingLogin === null) return USER_FIRST;
    return logIn(context, context.session.pendingLogin);
  },
});

async function logIn(context: CommandContext, login: string): Promise<Reply> {
  const { session, arg } = context;
  session.pendingLogin = null;
  const startedMs = performance.now();
  let grant: SessionGrant;
  try {
    grant = await session.engine.ports.authenticator.authenticate(new CommandLoginAttempt(context, login, arg));
  } catch (thrown) {
    return refuseLogin(session, login, asDomainError(thrown), startedMs, context.signal);
  }
  become(session, grant);
  return WELCOME;
}
