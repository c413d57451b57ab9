import { DomainError } from '@quayside/domain';
import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

/** RFC 3659 §4 SIZE: the exact number of bytes that RETR would send, so not in ASCII mode, where only sending tells. */
export const size = defineCommand({
  directive: 'SIZE',
  syntax: '{{cmd}} <path>',
  description: 'Show the size of a file',
  rfc: 'RFC 3659 §4',
  flags: { arg: 'required', feat: 'SIZE' },
  handler: async ({ session, arg }) => {
    if (session.type === 'A') return reply(550, 'SIZE not allowed in ASCII mode');
    const entry = await session.fs!.stat(session.fs!.resolve(arg));
    if (entry.kind !== 'file')
      throw new DomainError('path.not-regular', { detail: `${entry.name || '/'} is not retrievable` });
    return reply(213, String(entry.size));
  },
});
