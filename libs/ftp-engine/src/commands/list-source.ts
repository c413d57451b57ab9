import { DomainError } from '@quayside/domain';
import { Calendar } from '../listing/calendar.js';
import { type ListArgument, parseListArgument } from '../listing/list-options.js';
import { isGlob, type LineFormat, listGlob, listPath } from '../listing/listing.js';
import { unixLine } from '../listing/unix-line.js';
import type { CommandContext } from './define-command.js';

/** Wide enough that names start in one column, as clients that parse by column expect. */
const OWNER = 'ftp      ftp     ';

/** LIST and STAT: what `ls -l` prints. */
export function longFormat(nowMs: number): LineFormat {
  const calendar = new Calendar();
  return (entry, name) => unixLine(entry.name === name ? entry : { ...entry, name }, OWNER, nowMs, calendar);
}

/** NLST: names alone. */
export const nameFormat: LineFormat = (_entry, name) => `${name}\r\n`;

/**
 * The text of LIST, NLST and STAT: options of `ls` where no such name exists, then a path, then a glob. Throws before the
 * first page where there is nothing to list.
 */
export async function* listingOf(context: CommandContext, format: LineFormat): AsyncGenerator<string> {
  const { session, signal, verb } = context;
  const fs = session.fs!;
  const source = { fs, signal, verb };
  const { options, path: text } = await argumentOf(context);
  const path = fs.resolve(text);
  const chosen = options.long && format === nameFormat ? longFormat(context.now()) : format;
  try {
    yield* listPath(source, path, text, options, chosen);
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'path.not-found' || !isGlob(text)) throw error;
    // A pattern would fill the control connection with what may be thousands of directories.
    if (verb === 'STAT') throw new DomainError('path.not-found', { detail: 'Globbing not supported.' });
    yield* listGlob(source, text, chosen);
  }
}

/** A name that begins with a dash is a name if it is there. */
async function argumentOf({ arg, session }: CommandContext): Promise<ListArgument> {
  const parsed = parseListArgument(arg);
  if (!arg.startsWith('-')) return parsed;
  const fs = session.fs!;
  const literal = await fs.stat(fs.resolve(arg)).catch((error: unknown) => {
    if (error instanceof DomainError) return null;
    throw error;
  });
  return literal === null ? parsed : { options: parseListArgument('').options, path: arg };
}
