import { reply } from '../control/reply.js';
import { parseTimeVal } from '../listing/calendar.js';
import type { SiteCommand } from './site.js';

const ARGUMENT_MISSING = reply(501, 'Syntax error: command needs an argument.');
const CHMOD_ARGUMENTS = reply(501, 'SITE CHMOD needs two arguments: an octal mode and a path.');
const CHMOD_SYNTAX = reply(501, 'Invalid SITE CHMOD format; the mode has three or four octal digits.');
const MODE_SET = reply(200, 'SITE CHMOD successful.');
const UTIME_SYNTAX = reply(501, 'SITE UTIME needs a time (YYYYMMDDHHMMSS) and a path.');
const TIME_SET = reply(200, 'SITE UTIME successful.');

const siteChmod: SiteCommand = {
  name: 'CHMOD',
  syntax: 'CHMOD <mode> <path>',
  handler: async ({ session }, arg) => {
    if (arg === '') return ARGUMENT_MISSING;
    const match = /^0?([0-7]{3,4}) +(.+)$/s.exec(arg);
    if (match === null) return / ./.test(arg) ? CHMOD_SYNTAX : CHMOD_ARGUMENTS;
    // Set-id and sticky bits mean nothing here and are dropped.
    await session.fs!.setMode(session.fs!.resolve(match[2]!), Number.parseInt(match[1]!, 8) & 0o777, 'SITE CHMOD');
    return MODE_SET;
  },
};

/** Two forms are in use: `<time> <path>`, and `<path> <access> <modify> <create> UTC` of which only the second counts. */
const siteUtime: SiteCommand = {
  name: 'UTIME',
  syntax: 'UTIME <YYYYMMDDHHMM[SS]> <path>',
  handler: async ({ session }, arg) => {
    const long = /^(.+) +\d{14} +(\d{14}) +\d{14} +UTC$/is.exec(arg);
    const short = long === null ? /^(\d{12}|\d{14}) +(.+)$/s.exec(arg) : null;
    const name = long?.[1] ?? short?.[2];
    const time = long?.[2] ?? short?.[1]?.padEnd(14, '0');
    const ms = time === undefined ? null : parseTimeVal(time);
    if (name === undefined || ms === null) return UTIME_SYNTAX;
    await session.fs!.setModified(session.fs!.resolve(name), ms, 'SITE UTIME');
    return TIME_SET;
  },
};

/** SITE commands that touch files. */
export const SITE_FILE_COMMANDS: readonly SiteCommand[] = [siteChmod, siteUtime];
