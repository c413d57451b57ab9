import { reply } from '../control/reply.js';
import { upload } from '../transfer/upload.js';
import { defineCommand } from './define-command.js';

const RESTART_PENDING = reply(450, "Can't APPE while REST request is pending.");

/** RFC 959 §4.1.3 APPE: add to the end of a file, which is made where it is missing. After REST it is refused. */
export const appe = defineCommand({
  directive: 'APPE',
  syntax: '{{cmd}} <path>',
  description: 'Append to a file',
  rfc: 'RFC 959 §4.1.3',
  flags: { arg: 'required', data: true },
  replyCodes: { 'path.name-refused': 553 },
  handler: async (context) => {
    if (context.session.takeRestart() > 0) return RESTART_PENDING;
    const path = context.session.fs!.resolve(context.arg);
    return upload(context, { path, intent: 'append', start: 0, announce: null });
  },
});
