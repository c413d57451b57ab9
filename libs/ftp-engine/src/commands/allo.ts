import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const SYNTAX = reply(501, 'ALLO needs a number of bytes.');

/** RFC 959 §4.1.3 ALLO: the size of the next upload; the quota is asked for it at once, and another size is an error. */
export const allo = defineCommand({
  directive: 'ALLO',
  syntax: '{{cmd}} <bytes>',
  description: 'Announce the size of the next upload',
  rfc: 'RFC 959 §4.1.3',
  flags: { arg: 'required' },
  handler: ({ session, arg }) => {
    const match = /^(\d{1,16})(?: +R +\d{1,16})? *$/i.exec(arg);
    if (match === null || Number(match[1]) > Number.MAX_SAFE_INTEGER) return SYNTAX;
    const bytes = Number(match[1]);
    // Clients that must send it but do not know the size send 0.
    session.allocated = bytes === 0 ? null : bytes;
    return reply(200, `${bytes} bytes announced`);
  },
});
