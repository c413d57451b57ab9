import { LOGIN_FIRST } from '../control/guards.js';
import { lines, type Reply } from '../control/reply.js';
import { type CommandContext, defineCommand } from './define-command.js';
import { listingOf, longFormat } from './list-source.js';
import { sessionStatus } from './session-status.js';

/** Lines of one STAT reply: the control connection is no place for a long listing. */
const MAX_LINES = 1000;

/** RFC 959 §4.1.3 STAT: without argument the session's state, also during a transfer; with one a listing. */
export const stat = defineCommand({
  directive: 'STAT',
  syntax: '{{cmd}} [<path>]',
  description: 'Show the status of the session, or list a path over the control connection',
  rfc: 'RFC 959 §4.1.3',
  flags: { no_auth: true, urgent: true, abortable: true },
  handler: (context) => {
    if (context.arg === '') return sessionStatus(context.session, context.now());
    return context.session.grant === null ? LOGIN_FIRST : listed(context);
  },
});

async function listed(context: CommandContext): Promise<Reply> {
  const body: string[] = [];
  let more = false;
  for await (const text of listingOf(context, longFormat(context.now()))) {
    body.push(...text.split('\r\n').filter((line) => line !== ''));
    more = body.length > MAX_LINES;
    if (more) break;
  }
  const shown = body.slice(0, MAX_LINES);
  return lines(213, `Status of ${context.arg}:`, shown, more ? `End of the first ${MAX_LINES} lines` : 'End of status');
}
