import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const ROOT = reply(550, "Can't remove root directory.");
const REMOVED = reply(250, 'Directory removed.');

/** RFC 959 §4.1.3 RMD, RFC 775 XRMD: an empty directory. */
export const rmd = defineCommand({
  directive: 'RMD',
  aliases: ['XRMD'],
  syntax: '{{cmd}} <directory>',
  description: 'Remove an empty directory',
  rfc: 'RFC 959 §4.1.3',
  flags: { arg: 'required' },
  handler: async ({ session, arg, verb }) => {
    const path = session.fs!.resolve(arg);
    if (path === '/') return ROOT;
    await session.fs!.removeDirectory(path, verb);
    return REMOVED;
  },
});
