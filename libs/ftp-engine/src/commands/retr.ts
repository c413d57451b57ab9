import { download } from '../transfer/download.js';
import { defineCommand } from './define-command.js';

/** RFC 959 §4.1.3 RETR; after REST n it starts at byte n (RFC 3659 §5). */
export const retr = defineCommand({
  directive: 'RETR',
  syntax: '{{cmd}} <path>',
  description: 'Retrieve a file',
  rfc: 'RFC 959 §4.1.3, RFC 3659 §5',
  flags: { arg: 'required', data: true },
  replyCodes: { 'request.invalid': 504 },
  handler: async (context) => download(context, context.session.fs!.resolve(context.arg)),
});
