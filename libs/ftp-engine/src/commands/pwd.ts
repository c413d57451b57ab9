import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';
import { quotedPath } from './quoted-path.js';

/** RFC 959 §4.1.3 PWD, RFC 775 XPWD. */
export const pwd = defineCommand({
  directive: 'PWD',
  aliases: ['XPWD'],
  syntax: '{{cmd}}',
  description: 'Tell the working directory',
  rfc: 'RFC 959 §4.1.3',
  // Clients of RFC 3659 §6 learn from TVFS that paths are as on Unix.
  flags: { arg: 'none', feat: 'TVFS' },
  handler: ({ session }) => reply(257, `${quotedPath(session.cwd)} is the current directory.`),
});
