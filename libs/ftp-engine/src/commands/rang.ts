import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const SYNTAX = reply(501, 'Syntax: RANG <first byte> <last byte>; RANG 1 0 for the whole file.');
const WHOLE = reply(350, 'The whole file again.');

/** draft-bryan-ftp-range-08 §3 RANG: the bytes, the last one included, that the next HASH is of. */
export const rang = defineCommand({
  directive: 'RANG',
  syntax: '{{cmd}} <first byte> <last byte>',
  description: 'Choose the part of a file for the next HASH',
  rfc: 'draft-bryan-ftp-range-08 §3',
  flags: { arg: 'required' },
  handler: ({ session, arg }) => {
    const match = /^(\d{1,15}) (\d{1,15})$/.exec(arg);
    if (match === null) return SYNTAX;
    const first = Number(match[1]);
    const last = Number(match[2]);
    if (first > last) {
      if (first !== 1 || last !== 0) return SYNTAX;
      session.range = null;
      return WHOLE;
    }
    session.range = { first, last };
    return reply(350, `Bytes ${first} to ${last}; send HASH`);
  },
});
