import { sendLines } from '../transfer/send-lines.js';
import { defineCommand } from './define-command.js';
import { listingOf, longFormat } from './list-source.js';

/** RFC 959 §4.1.3 LIST: as `ls -l`, with the options that clients send although no RFC knows them. */
export const list = defineCommand({
  directive: 'LIST',
  syntax: '{{cmd}} [-alRtSr1d] [<path>]',
  description: 'List a directory or file',
  rfc: 'RFC 959 §4.1.3',
  flags: { data: true },
  handler: async (context) => sendLines(context, listingOf(context, longFormat(context.now()))),
});
