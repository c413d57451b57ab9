import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

/** RFC 3659 leaves the size of numbers open; this is the largest offset that systems know. */
const MAX_POSITION = 2n ** 63n - 1n;
const SYNTAX = reply(501, 'Invalid parameter: the restart position is a number of bytes.');
const BINARY_ONLY = reply(501, 'Resuming transfers not allowed in ASCII mode.');

/** RFC 3659 §5 REST: where the next transfer starts. Whether a file is that long shows at the transfer command. */
export const rest = defineCommand({
  directive: 'REST',
  syntax: '{{cmd}} <bytes>',
  description: 'Set the restart position of the next transfer',
  rfc: 'RFC 3659 §5',
  flags: { arg: 'required', feat: 'REST STREAM' },
  handler: ({ session, arg }) => {
    if (!/^\d{1,64}$/.test(arg) || BigInt(arg) > MAX_POSITION) return SYNTAX;
    // Past 2^53 it is only nearly that position, and past the end of every file either way.
    const position = Number(arg);
    // Kept also where it is refused: a client that goes on regardless must not get bytes from another position.
    session.restartOffset = position;
    // A byte position means nothing in text whose line ends change on the way.
    if (position > 0 && session.type === 'A') return BINARY_ONLY;
    return reply(350, `Restarting at ${position}; send STOR or RETR`);
  },
});
