import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

const ENGLISH = reply(200, 'Replies are in English.');
const UNKNOWN = reply(504, 'Only English is available.');

/** RFC 2640 §4.1 LANG: English only; without an argument the default again. */
export const lang = defineCommand({
  directive: 'LANG',
  syntax: '{{cmd}} [EN]',
  description: 'Choose the language of replies',
  rfc: 'RFC 2640 §4.1',
  flags: { no_auth: true },
  handler: ({ arg }) => (arg === '' || /^en(?:-[a-z0-9]{1,8})*$/i.test(arg) ? ENGLISH : UNKNOWN),
});
