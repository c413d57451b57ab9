import { DomainError } from '@quayside/domain';
import { type Reply, reply } from '../control/reply.js';
import { Calendar, parseTimeVal } from '../listing/calendar.js';
import { type CommandContext, defineCommand } from './define-command.js';

const BAD_TIME = reply(501, 'Invalid time format; expected YYYYMMDDHHMMSS in UTC.');

/** RFC 3659 §3 MDTM. With a time before the path it sets it, as many clients ask for since before there was MFMT. */
export const mdtm = defineCommand({
  directive: 'MDTM',
  syntax: '{{cmd}} [<time>] <path>',
  description: 'Show or set the modification time of a file',
  rfc: 'RFC 3659 §3',
  flags: { arg: 'required', feat: 'MDTM' },
  handler: async (context) => {
    const { session, arg } = context;
    const setter = /^(\d{14}(?:\.\d+)?) (.+)$/s.exec(arg);
    try {
      return reply(213, new Calendar().timeVal(await fileTime(context, arg)));
    } catch (error) {
      // A file may well be called "20240101000000 report": only where it is not there is this a setter.
      if (setter === null || !(error instanceof DomainError)) throw error;
    }
    return setTime(context, setter[1]!, session.fs!.resolve(setter[2]!), (text) => text);
  },
});

/** draft-somers-ftp-mfxx-04 §3.1 MFMT. */
export const mfmt = defineCommand({
  directive: 'MFMT',
  syntax: '{{cmd}} <time> <path>',
  description: 'Set the modification time of a file',
  rfc: 'draft-somers-ftp-mfxx-04 §3.1',
  flags: { arg: 'required', feat: 'MFMT' },
  handler: async (context) => {
    const space = context.arg.indexOf(' ');
    if (space < 0 || space === context.arg.length - 1) return reply(501, 'Syntax error: MFMT needs a time and a path.');
    const path = context.session.fs!.resolve(context.arg.slice(space + 1));
    return setTime(context, context.arg.slice(0, space), path, (time) => `Modify=${time}; ${path}`);
  },
});

async function fileTime({ session }: CommandContext, name: string): Promise<number> {
  const fs = session.fs!;
  const path = fs.resolve(name);
  const entry = await fs.stat(path).catch((error: unknown) => {
    if (error instanceof DomainError && error.code === 'path.not-found') return null;
    throw error;
  });
  if (entry?.kind !== 'file') throw new DomainError('path.not-found', { detail: `${path} is not retrievable` });
  return entry.modifiedMs;
}

async function setTime(
  { session, verb }: CommandContext,
  time: string,
  path: ReturnType<NonNullable<typeof session.fs>['resolve']>,
  text: (time: string) => string,
): Promise<Reply> {
  const ms = parseTimeVal(time);
  if (ms === null) return BAD_TIME;
  await session.fs!.setModified(path, ms, verb);
  // What the disk made of it: not every file system knows every year.
  // Who may not look is told what was asked for: the time is set.
  const modifiedMs = await session.fs!.stat(path).then(
    (entry) => entry.modifiedMs,
    (error: unknown) => {
      if (error instanceof DomainError) return ms;
      throw error;
    },
  );
  return reply(213, text(new Calendar().timeVal(modifiedMs)));
}
