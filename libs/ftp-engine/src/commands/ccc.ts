import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const NOT_SUPPORTED = reply(500, 'CCC is not supported.');
const NOT_PROTECTED = reply(533, 'The control connection is not protected.');

/** RFC 4217 §5 CCC: never, since the commands after it could be forged by anyone on the way. */
export const ccc = defineCommand({
  directive: 'CCC',
  syntax: '{{cmd}}',
  description: 'Refused: the control connection stays protected',
  rfc: 'RFC 4217 §5',
  flags: { no_auth: true, arg: 'none' },
  handler: ({ session }) => (session.tls === null ? NOT_PROTECTED : NOT_SUPPORTED),
});
