import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const READY = reply(220, 'Ready for new user.', 'reset');

/**
 * RFC 959 §4.1.1 REIN: back to the state after the greeting. TLS stays on, against RFC 4217 §13: clients that send REIN
 * (Python's ftplib) go on in TLS, and a session must not fall back to clear text.
 */
export const rein = defineCommand({
  directive: 'REIN',
  syntax: '{{cmd}}',
  description: 'Log out and keep the connection',
  rfc: 'RFC 959 §4.1.1',
  flags: { arg: 'none' },
  handler: () => READY,
});
