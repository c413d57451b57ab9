import { sendLines } from '../transfer/send-lines.js';
import { defineCommand } from './define-command.js';
import { listingOf, nameFormat } from './list-source.js';

/** RFC 959 §4.1.3 NLST: names alone, for programs. */
export const nlst = defineCommand({
  directive: 'NLST',
  syntax: '{{cmd}} [<path>]',
  description: 'List the names in a directory',
  rfc: 'RFC 959 §4.1.3',
  flags: { data: true },
  handler: async (context) => sendLines(context, listingOf(context, nameFormat)),
});
