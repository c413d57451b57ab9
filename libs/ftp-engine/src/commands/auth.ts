import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const ACCEPTED = reply(234, 'AUTH accepted; start the TLS handshake.', 'secure');
const UNKNOWN = reply(504, 'Unknown security mechanism; use AUTH TLS.');
const NO_CERTIFICATE = reply(431, 'TLS is not configured on this server.');
const ALREADY = reply(503, 'Already using TLS.');

/** RFC 4217 §4 AUTH; `SSL` is an alias that older clients and curl send. Login and settings start over (§4.2). */
export const auth = defineCommand({
  directive: 'AUTH',
  syntax: '{{cmd}} TLS',
  description: 'Secure the control connection with TLS',
  rfc: 'RFC 4217 §4',
  flags: {
    no_auth: true,
    arg: 'required',
    feat: (session) => (session.engine.tlsAvailable && session.listener.tls !== 'off' ? ['AUTH SSL', 'AUTH TLS'] : []),
  },
  handler: ({ session, arg }) => {
    const mechanism = arg.toUpperCase();
    if (session.tls !== null) return ALREADY;
    if (mechanism !== 'TLS' && mechanism !== 'TLS-C' && mechanism !== 'SSL' && mechanism !== 'TLS-P') return UNKNOWN;
    if (!session.engine.tlsAvailable || session.listener.tls === 'off') return NO_CERTIFICATE;
    // RFC 2228 drafts: SSL and TLS-P stand for a protected data channel from the start.
    session.protectAfterAuth = mechanism === 'SSL' || mechanism === 'TLS-P';
    return ACCEPTED;
  },
});
