import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const DELETED = reply(250, 'File removed.');

/** RFC 959 §4.1.3 DELE: a file, never a directory. */
export const dele = defineCommand({
  directive: 'DELE',
  syntax: '{{cmd}} <path>',
  description: 'Delete a file',
  rfc: 'RFC 959 §4.1.3',
  flags: { arg: 'required' },
  handler: async ({ session, arg, verb }) => {
    await session.fs!.remove(session.fs!.resolve(arg), verb);
    return DELETED;
  },
});
