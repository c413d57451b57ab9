import type { VirtualPath } from '@quayside/domain';
import { type Reply, reply } from '../control/reply.js';
import type { Session } from '../session/session.js';
import { type CommandContext, defineCommand } from './define-command.js';
import { quotedPath } from './quoted-path.js';

/** RFC 959 §4.1.1 CWD, RFC 775 XCWD. Without an argument it goes to the root, as shells do. */
export const cwd = defineCommand({
  directive: 'CWD',
  aliases: ['XCWD'],
  syntax: '{{cmd}} <directory>',
  description: 'Change the working directory',
  rfc: 'RFC 959 §4.1.1',
  handler: (context) => changeDirectory(context, context.arg === '' ? '/' : context.arg),
});

/** Shared by CWD and CDUP. */
export function changeDirectory({ session }: CommandContext, target: string): Reply | Promise<Reply> {
  const directory = session.fs!.directory(target);
  return directory instanceof Promise
    ? directory.then((found) => entered(session, found))
    : entered(session, directory);
}

function entered(session: Session, directory: VirtualPath): Reply {
  session.cwd = directory;
  return reply(250, `${quotedPath(directory)} is the current directory.`);
}
