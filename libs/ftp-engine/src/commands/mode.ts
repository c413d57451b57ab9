import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const STREAM = reply(200, 'Transfer mode set to stream.');
const UNSUPPORTED = reply(504, 'Unimplemented MODE type; only stream mode is supported.');
const SYNTAX = reply(501, 'Unrecognized MODE type; syntax: MODE S');

/** RFC 959 §3.4, §4.1.2 MODE: stream only. */
export const mode = defineCommand({
  directive: 'MODE',
  syntax: '{{cmd}} S',
  description: 'Set the transfer mode',
  rfc: 'RFC 959 §4.1.2',
  flags: { arg: 'required' },
  handler: ({ arg }) => {
    if (/^s$/i.test(arg)) return STREAM;
    return /^[a-z]$/i.test(arg) ? UNSUPPORTED : SYNTAX;
  },
});
