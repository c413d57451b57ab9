import { nameOf, type VirtualPath } from '@quayside/domain';
import type { Reply } from '../control/reply.js';
import { upload } from '../transfer/upload.js';
import { type CommandContext, defineCommand } from './define-command.js';
import { NO_PLACE } from './no-place.js';
import { isDropBox, uniquePath } from './unique-path.js';

/** RFC 959 §4.1.3 STOR; after REST n it goes on at byte n (RFC 3659 §5). */
export const stor = defineCommand({
  directive: 'STOR',
  syntax: '{{cmd}} <path>',
  description: 'Store a file',
  rfc: 'RFC 959 §4.1.3, RFC 3659 §5',
  flags: { arg: 'required', data: true },
  replyCodes: { ...NO_PLACE, 'request.invalid': 504 },
  handler: async (context) => {
    const { session } = context;
    const start = session.takeRestart();
    const path = session.fs!.resolve(context.arg);
    if (isDropBox(session, path)) return leave(context, uniquePath(path));
    return upload(context, {
      path,
      intent: start > 0 ? 'resume' : 'replace',
      start,
      announce: null,
    });
  },
});

/** Into a drop box: always a new file, whose name the reply tells. */
function leave(context: CommandContext, path: VirtualPath): Promise<Reply> {
  return upload(context, { path, intent: 'create', start: 0, announce: nameOf(path) });
}
