import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const ABORTED = reply(226, 'ABOR command successful; no transfer is running.');
const IDLE_DATA_CONNECTION = reply(225, 'ABOR command successful; data connection closed.');

/**
 * RFC 959 §4.1.3 ABOR. 225 where a data connection was prepared and no transfer uses it, 226 otherwise. The control channel stops a running transfer the moment it reads the command, and the transfer
 * answers 426; this is the second reply.
 */
export const abor = defineCommand({
  directive: 'ABOR',
  syntax: '{{cmd}}',
  description: 'Stop the running transfer',
  rfc: 'RFC 959 §4.1.3',
  flags: { arg: 'none' },
  handler: ({ session }) => {
    const prepared = session.dataChannel !== null;
    session.dropDataChannel();
    return prepared ? IDLE_DATA_CONNECTION : ABORTED;
  },
});
