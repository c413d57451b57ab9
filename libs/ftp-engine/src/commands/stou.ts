import { DomainError, nameOf, type VirtualPath } from '@quayside/domain';
import { reply } from '../control/reply.js';
import type { AccountFileSystem } from '../filesystem/account-file-system.js';
import { upload } from '../transfer/upload.js';
import type { Session } from '../session/session.js';
import { defineCommand } from './define-command.js';
import { NO_PLACE } from './no-place.js';
import { isDropBox, uniquePath } from './unique-path.js';

const RESTART_PENDING = reply(450, "Can't STOU while REST request is pending.");
const ATTEMPTS = 8;

/**
 * RFC 959 §4.1.3 STOU: store under a name that nobody has; RFC 1123 §4.1.2.9 has the name in the 150. An argument
 * is the wished beginning of the name.
 */
export const stou = defineCommand({
  directive: 'STOU',
  syntax: '{{cmd}} [<path>]',
  description: 'Store a file under a new name',
  rfc: 'RFC 959 §4.1.3, RFC 1123 §4.1.2.9',
  flags: { data: true },
  replyCodes: NO_PLACE,
  handler: async (context) => {
    const { session, arg } = context;
    if (session.takeRestart() > 0) return RESTART_PENDING;
    const path = await freePath(session, arg);
    return upload(context, { path, intent: 'create', start: 0, announce: nameOf(path) });
  },
});

/** The wished name itself where it is free, else with a random end. The publish is exclusive, so a race loses safely. */
async function freePath(session: Session, wish: string): Promise<VirtualPath> {
  const fs = session.fs!;
  const base = fs.resolve(wish === '' ? 'upload' : wish);
  if (wish !== '' && !isDropBox(session, base) && (await isFree(fs, base))) return base;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const path = uniquePath(base);
    if (await isFree(fs, path)) return path;
  }
  throw new DomainError('path.exists');
}

async function isFree(fs: AccountFileSystem, path: VirtualPath): Promise<boolean> {
  try {
    await fs.stat(path);
    return false;
  } catch (error) {
    if (error instanceof DomainError && error.code === 'path.not-found') return true;
    throw error;
  }
}
