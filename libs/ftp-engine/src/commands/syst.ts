import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const UNIX = reply(215, 'UNIX Type: L8');

/** RFC 959 §4.1.3 SYST: the listing format that clients expect of us. */
export const syst = defineCommand({
  directive: 'SYST',
  syntax: '{{cmd}}',
  description: 'Tell the type of the system',
  rfc: 'RFC 959 §4.1.3',
  flags: { no_auth: true, arg: 'none' },
  handler: () => UNIX,
});
