import { requiresDataProtection } from '../control/guards.js';
import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const PRIVATE = reply(200, 'Data connections are protected.');
const CLEAR = reply(200, 'Data connections are not protected.');
const NO_TLS = reply(503, 'PROT not allowed on insecure control connection.');
const NO_PBSZ = reply(503, 'Send PBSZ 0 first.');
const NOT_WITH_TLS = reply(536, 'This protection level is not supported with TLS.');
const UNKNOWN = reply(504, 'Unknown protection level.');
const REFUSED = reply(534, 'Data connections must be protected.');

/** RFC 4217 §9, RFC 2228 §3 PROT: P and C; the default after AUTH is C. */
export const prot = defineCommand({
  directive: 'PROT',
  syntax: '{{cmd}} P | C',
  description: 'Set the protection of data connections',
  rfc: 'RFC 4217 §9',
  flags: {
    no_auth: true,
    arg: 'required',
    feat: (session) => (session.engine.tlsAvailable && session.listener.tls !== 'off' ? ['PROT'] : []),
  },
  handler: ({ session, arg }) => {
    if (session.tls === null) return NO_TLS;
    if (!session.pbsz) return NO_PBSZ;
    const level = arg.toUpperCase();
    if (level === 'S' || level === 'E') return NOT_WITH_TLS;
    if (level !== 'P' && level !== 'C') return UNKNOWN;
    if (level === 'C' && requiresDataProtection(session)) return REFUSED;
    session.prot = level;
    return level === 'P' ? PRIVATE : CLEAR;
  },
});
