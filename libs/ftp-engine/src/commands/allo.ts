import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

/** RFC 959 §4.1.3: a server that needs no declaration treats ALLO as a NOOP, whatever it says. */
const NOT_NEEDED = reply(202, 'No storage allocation necessary.');

/** RFC 959 §4.1.3 ALLO: the size of the next upload; the quota is asked for it at once, and another size is an error. */
export const allo = defineCommand({
  directive: 'ALLO',
  syntax: '{{cmd}} <bytes>',
  description: 'Announce the size of the next upload',
  rfc: 'RFC 959 §4.1.3',
  flags: { arg: 'required' },
  handler: ({ session, arg }) => {
    const match = /^(\d{1,16})(?: +R +\d{1,16})? *$/i.exec(arg);
    if (match === null || Number(match[1]) > Number.MAX_SAFE_INTEGER) return NOT_NEEDED;
    const bytes = Number(match[1]);
    // Clients that must send it but do not know the size send 0.
    session.allocated = bytes === 0 ? null : bytes;
    return reply(200, `${bytes} bytes announced`);
  },
});
