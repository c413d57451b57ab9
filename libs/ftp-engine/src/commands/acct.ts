import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const SUPERFLUOUS = reply(202, 'ACCT is not needed on this site.');

/** RFC 959 §4.1.1 ACCT: accepted and of no effect. */
export const acct = defineCommand({
  directive: 'ACCT',
  syntax: '{{cmd}} <account>',
  description: 'Accepted and ignored',
  rfc: 'RFC 959 §4.1.1',
  flags: { no_auth: true, arg: 'required', secret: true },
  handler: () => SUPERFLUOUS,
});
