import { reply } from '../control/reply.js';
import { defineCommand } from './define-command.js';

/** draft-peterson-streamlined-ftp-command-extensions §4 AVBL: bytes that one more file may have at a path. */
export const avbl = defineCommand({
  directive: 'AVBL',
  syntax: '{{cmd}} [<directory>]',
  description: 'Show the space that is left',
  rfc: 'draft-peterson-streamlined-ftp-command-extensions §4',
  flags: { feat: 'AVBL' },
  handler: async ({ session, arg }) => {
    const fs = session.fs!;
    const path = await fs.directory(arg === '' ? '.' : arg);
    const { backend, mount } = fs.mountOf(path);
    const [remaining, free] = await Promise.all([
      session.engine.ports.quota.remaining(fs.grant, mount),
      backend.freeBytes(),
    ]);
    const limits = [free, remaining.bytes ?? Infinity, fs.grant.policy.caps.fileSize ?? Infinity];
    return reply(213, String(remaining.files === 0 ? 0 : Math.max(0, Math.floor(Math.min(...limits)))));
  },
});
