import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const OK = reply(200, 'OK.');

/** RFC 959 §4.1.3 NOOP. */
export const noop = defineCommand({
  directive: 'NOOP',
  syntax: '{{cmd}}',
  description: 'Do nothing',
  rfc: 'RFC 959 §4.1.3',
  flags: { no_auth: true, arg: 'none' },
  handler: () => OK,
});
