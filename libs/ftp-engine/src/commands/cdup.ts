import { changeDirectory } from './cwd.js';
import { defineCommand } from './define-command.js';

/** RFC 959 §4.1.1 CDUP, RFC 775 XCUP; the parent of the root is the root. */
export const cdup = defineCommand({
  directive: 'CDUP',
  aliases: ['XCUP'],
  syntax: '{{cmd}}',
  description: 'Change to the parent directory',
  rfc: 'RFC 959 §4.1.1',
  flags: { arg: 'none' },
  handler: (context) => changeDirectory(context, '..'),
});
