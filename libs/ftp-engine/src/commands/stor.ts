import { upload } from '../transfer/upload.js';
import { defineCommand } from './define-command.js';

/** RFC 959 §4.1.3 STOR; after REST n it goes on at byte n (RFC 3659 §5). */
export const stor = defineCommand({
  directive: 'STOR',
  syntax: '{{cmd}} <path>',
  description: 'Store a file',
  rfc: 'RFC 959 §4.1.3, RFC 3659 §5',
  flags: { arg: 'required', data: true },
  replyCodes: { 'database.unavailable': 451, 'request.invalid': 504 },
  handler: async (context) => {
    const start = context.session.takeRestart();
    return upload(context, {
      path: context.session.fs!.resolve(context.arg),
      intent: start > 0 ? 'resume' : 'replace',
      start,
      announce: null,
    });
  },
});
