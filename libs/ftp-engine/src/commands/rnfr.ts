import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const HOME = reply(550, "Can't rename home directory.");
const READY = reply(350, 'Ready for destination name.');

/** RFC 959 §4.1.3 RNFR. */
export const rnfr = defineCommand({
  directive: 'RNFR',
  syntax: '{{cmd}} <path>',
  description: 'Name what RNTO will rename',
  rfc: 'RFC 959 §4.1.3',
  flags: { arg: 'required' },
  handler: async ({ session, arg, verb }) => {
    session.renameFrom = null;
    const path = session.fs!.resolve(arg);
    if (path === '/') return HOME;
    await session.fs!.checkRename(path, verb);
    session.renameFrom = path;
    return READY;
  },
});
