import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const GOODBYE = reply(221, 'Goodbye.', 'close');

/** RFC 959 §4.1.1 QUIT. During a transfer it waits in the queue, so that the transfer finishes first. */
export const quit = defineCommand({
  directive: 'QUIT',
  syntax: '{{cmd}}',
  description: 'Close the connection',
  rfc: 'RFC 959 §4.1.1',
  flags: { no_auth: true, arg: 'none' },
  handler: ({ session }) => {
    session.endReason = 'quit';
    return GOODBYE;
  },
});
