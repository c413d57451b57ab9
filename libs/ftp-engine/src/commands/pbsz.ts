import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const ZERO = reply(200, 'PBSZ=0 successful.');
const NO_TLS = reply(503, 'PBSZ not allowed on insecure control connection.');
const SYNTAX = reply(501, 'Syntax: PBSZ <number>');

/** RFC 4217 §9, RFC 2228 §3 PBSZ: only 0 makes sense with TLS, and any other size is answered with it. */
export const pbsz = defineCommand({
  directive: 'PBSZ',
  syntax: '{{cmd}} 0',
  description: 'Set the protection buffer size',
  rfc: 'RFC 4217 §9',
  flags: {
    no_auth: true,
    arg: 'required',
    feat: (session) => (session.engine.tlsAvailable && session.listener.tls !== 'off' ? ['PBSZ'] : []),
  },
  handler: ({ session, arg }) => {
    if (session.tls === null) return NO_TLS;
    if (!/^[0-9]{1,10}$/.test(arg)) return SYNTAX;
    session.pbsz = true;
    return ZERO;
  },
});
