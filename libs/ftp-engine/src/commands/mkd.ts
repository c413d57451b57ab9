import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';
import { quotedPath } from './quoted-path.js';

/** RFC 959 §4.1.3 and Appendix II MKD, RFC 775 XMKD: the reply names the account's path, never the host's. */
export const mkd = defineCommand({
  directive: 'MKD',
  aliases: ['XMKD'],
  syntax: '{{cmd}} <directory>',
  description: 'Make a directory',
  rfc: 'RFC 959 §4.1.3, Appendix II',
  flags: { arg: 'required' },
  replyCodes: { 'path.name-refused': 553 },
  handler: async ({ session, arg, verb }) => {
    const path = session.fs!.resolve(arg);
    await session.fs!.makeDirectory(path, verb);
    return reply(257, `${quotedPath(path)} directory created.`);
  },
});
