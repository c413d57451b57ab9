import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const NOTED = reply(200, 'Noted.');
const MAX_CHARACTERS = 128;

/** CLNT (draft-ietf-ftpext-clnt): the client's name, untrusted text for the log. */
export const clnt = defineCommand({
  directive: 'CLNT',
  syntax: '{{cmd}} <name>',
  description: 'Tell the name of the client program',
  rfc: 'IANA FTP commands registry (RFC 5797)',
  flags: { no_auth: true, arg: 'required', feat: 'CLNT' },
  handler: ({ session, arg }) => {
    // oxlint-disable-next-line no-control-regex -- what cannot be printed does not belong in a log
    session.clientName = arg.slice(0, MAX_CHARACTERS).replaceAll(/[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/g, '?');
    return NOTED;
  },
});
