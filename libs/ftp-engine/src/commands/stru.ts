import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const FILE = reply(200, 'File structure set to file.');
const UNSUPPORTED = reply(504, 'Unimplemented STRU type; only file structure is supported.');
const SYNTAX = reply(501, 'Unrecognized STRU type; syntax: STRU F');

/** RFC 959 §3.1.2, §4.1.2 STRU: file structure only. */
export const stru = defineCommand({
  directive: 'STRU',
  syntax: '{{cmd}} F',
  description: 'Set the file structure',
  rfc: 'RFC 959 §4.1.2',
  flags: { arg: 'required' },
  handler: ({ arg }) => {
    if (/^f$/i.test(arg)) return FILE;
    return /^[a-z]$/i.test(arg) ? UNSUPPORTED : SYNTAX;
  },
});
