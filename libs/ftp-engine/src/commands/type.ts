import { type Reply, reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const ASCII = reply(200, 'Type set to ASCII.');
const IMAGE = reply(200, 'Type set to binary.');
const UNSUPPORTED = reply(504, 'Unsupported type; use A, I or L 8.');
const SYNTAX = reply(501, 'Syntax: TYPE A [N] | I | L 8');

/** ASCII Non-print, image, and local bytes of eight bits, which are the same as image (RFC 959 §3.1.1.4). */
const ACCEPTED: ReadonlyMap<string, 'A' | 'I'> = new Map([
  ['A', 'A'],
  ['A N', 'A'],
  ['L7', 'A'],
  ['L 7', 'A'],
  ['I', 'I'],
  ['L8', 'I'],
  ['L 8', 'I'],
]);

/** RFC 959 §3.1.1, §4.1.2 TYPE. */
export const type = defineCommand({
  directive: 'TYPE',
  syntax: '{{cmd}} A [N] | I | L 8',
  description: 'Set the representation type',
  rfc: 'RFC 959 §4.1.2',
  flags: { arg: 'required' },
  handler: ({ session, arg }): Reply => {
    const wanted = arg.toUpperCase();
    const accepted = ACCEPTED.get(wanted);
    if (accepted === undefined) return /^[AIEL](?: ?[NTC0-9]+)?$|^[^ ]+$/.test(wanted) ? UNSUPPORTED : SYNTAX;
    session.type = accepted;
    return accepted === 'A' ? ASCII : IMAGE;
  },
});
