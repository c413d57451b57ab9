import { isAnonymousName, parseLoginName } from '@quayside/domain';
import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const PASSWORD_WANTED = reply(331, 'Username ok, send password.');
const EMAIL_WANTED = reply(331, 'Anonymous login ok, send your e-mail address as password.');
const TLS_FIRST = reply(530, 'Use AUTH TLS first');
const ALREADY = reply(503, 'Already logged in; send REIN to start over.');

/**
 * RFC 959 §4.1.1 USER. Always 331, whether or not the name exists (RFC 2577 §7); a second USER before login starts the
 * sequence again.
 */
export const user = defineCommand({
  directive: 'USER',
  syntax: '{{cmd}} <name>',
  description: 'Name the account to log in to',
  rfc: 'RFC 959 §4.1.1',
  flags: { no_auth: true, arg: 'required' },
  handler: ({ session, arg }) => {
    if (session.grant !== null) return ALREADY;
    if (session.tls === null && session.listener.tls === 'required') return TLS_FIRST;
    session.pendingLogin = arg;
    return isAnonymousName(parseLoginName(arg)?.username ?? '') ? EMAIL_WANTED : PASSWORD_WANTED;
  },
});
