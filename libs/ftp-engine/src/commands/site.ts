import { LOGIN_FIRST } from '../control/guards.js';
import { lines, type Reply, reply } from '../control/reply.js';
import { type CommandContext, defineCommand } from './define-command.js';
import { SITE_FILE_COMMANDS } from './site-file-commands.js';
import { siteQuota } from './site-quota.js';

/** One word after SITE. */
export interface SiteCommand {
  readonly name: string;
  readonly syntax: string;
  /** `arg` is everything after the one space that follows the word. */
  readonly handler: (context: CommandContext, arg: string) => Reply | Promise<Reply>;
}

const UNRECOGNIZED = reply(501, 'Unrecognized SITE command.');

const helpRow: SiteCommand = {
  name: 'HELP',
  syntax: 'HELP',
  handler: (_context, arg) => siteHelp(arg),
};

/** SITE HELP, and HELP SITE with a word after it. */
export function siteHelp(arg: string): Reply {
  if (arg === '') return listing();
  const found = siteCommands().find(({ name }) => name === arg.toUpperCase());
  return found === undefined ? UNRECOGNIZED : reply(214, `Syntax: SITE ${found.syntax}`);
}

function listing(): Reply {
  return lines(
    214,
    'The following SITE commands are recognized:',
    siteCommands().map(({ syntax }) => syntax),
    'End',
  );
}

/** A function, since the modules of the rows import this one's types and may load first. */
function siteCommands(): readonly SiteCommand[] {
  return [helpRow, siteQuota, ...SITE_FILE_COMMANDS];
}

function unknown(name: string): Reply {
  // oxlint-disable-next-line no-control-regex -- what cannot be printed is not sent back
  return reply(501, `SITE ${name.slice(0, 16).replaceAll(/[^\u0021-\u007e]/g, '?')} not understood; send SITE HELP.`);
}

/** RFC 959 §4.1.3 SITE. Windows Explorer sends `site help` before login. */
export const site = defineCommand({
  directive: 'SITE',
  syntax: '{{cmd}} <command>',
  description: 'Commands of this server: HELP, QUOTA, CHMOD, UTIME',
  rfc: 'RFC 959 §4.1.3',
  flags: { no_auth: true, arg: 'required' },
  handler: (context) => {
    const space = context.arg.indexOf(' ');
    const name = (space < 0 ? context.arg : context.arg.slice(0, space)).toUpperCase();
    const command = siteCommands().find((row) => row.name === name);
    if (context.session.grant === null && name !== 'HELP') return LOGIN_FIRST;
    return command === undefined
      ? unknown(name)
      : command.handler(context, space < 0 ? '' : context.arg.slice(space + 1));
  },
});
