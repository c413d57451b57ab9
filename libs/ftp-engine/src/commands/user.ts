import { asDomainError, isAnonymousName, parseLoginName, type SessionGrant } from '@quayside/domain';
import { type Reply, reply } from '../control/reply.js';
import { type CommandContext, defineCommand } from './define-command.js';
import { become, CommandLoginAttempt, refuseLogin } from './log-in.js';

const PASSWORD_WANTED = reply(331, 'Username ok, send password.');
const EMAIL_WANTED = reply(331, 'Anonymous login ok, send your e-mail address as password.');
const BY_CERTIFICATE = reply(232, 'Logged in by certificate; no password needed.');
const TLS_FIRST = reply(530, 'Use AUTH TLS first');
const ALREADY = reply(503, 'Already logged in; send REIN to start over.');

/**
 * RFC 959 §4.1.1 USER. Always 331, whether or not the name exists (RFC 2577 §7), unless the client's own certificate
 * names the account: then 232 (RFC 2228 §4). A second USER before login starts the sequence again.
 */
export const user = defineCommand({
  directive: 'USER',
  syntax: '{{cmd}} <name>',
  description: 'Name the account to log in to',
  rfc: 'RFC 959 §4.1.1',
  flags: { no_auth: true, arg: 'required' },
  handler: (context) => {
    const { session, arg } = context;
    if (session.grant !== null) return ALREADY;
    if (session.tls === null && session.listener.tls === 'required') return TLS_FIRST;
    session.pendingLogin = arg;
    const { authenticator } = session.engine.ports;
    if (session.tls?.certificateNames == null || authenticator.authenticateByCertificate === undefined) {
      return wanted(arg);
    }
    return askCertificate(context);
  },
});

function wanted(login: string): Reply {
  return isAnonymousName(parseLoginName(login)?.username ?? '') ? EMAIL_WANTED : PASSWORD_WANTED;
}

async function askCertificate(context: CommandContext): Promise<Reply> {
  const { session, arg } = context;
  let grant: SessionGrant | null;
  const startedMs = performance.now();
  try {
    grant = await session.engine.ports.authenticator.authenticateByCertificate!(
      new CommandLoginAttempt(context, arg, ''),
    );
  } catch (thrown) {
    session.pendingLogin = null;
    return refuseLogin(session, arg, asDomainError(thrown), startedMs, context.signal);
  }
  if (grant === null) return wanted(arg);
  session.pendingLogin = null;
  session.byCertificate = true;
  become(session, grant);
  return BY_CERTIFICATE;
}
