import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';
import { NO_PLACE } from './no-place.js';

const RENAMED = reply(250, 'Renaming ok.');
const RNFR_FIRST = reply(503, 'Bad sequence of commands: use RNFR first.');

/** RFC 959 §4.1.3 RNTO; a name that is taken or may not be used is 553 (§5.4). */
export const rnto = defineCommand({
  directive: 'RNTO',
  syntax: '{{cmd}} <path>',
  description: 'Rename what RNFR named',
  rfc: 'RFC 959 §4.1.3',
  flags: { arg: 'required' },
  replyCodes: { ...NO_PLACE, 'path.exists': 553, 'access.denied': 553, 'quota.exceeded': 553 },
  handler: async ({ session, arg, verb }) => {
    const from = session.renameFrom;
    session.renameFrom = null;
    if (from === null) return RNFR_FIRST;
    await session.fs!.rename(from, session.fs!.resolve(arg), verb);
    return RENAMED;
  },
});
