import { randomBytes } from 'node:crypto';
import { childOf, isDrop, nameOf, parentOf, type VirtualPath } from '@quayside/domain';
import type { Session } from '../session/session.js';

/** The path with a random end that nobody can guess. */
export function uniquePath(path: VirtualPath): VirtualPath {
  return childOf(parentOf(path), `${nameOf(path)}.${randomBytes(6).toString('hex')}`);
}

/** Whether an upload of this session gets a name of its own there: an anonymous drop box shows nobody what is in it. */
export function isDropBox(session: Session, path: VirtualPath): boolean {
  const anonymous = session.grant?.anonymous;
  return anonymous !== undefined && isDrop(anonymous, path);
}
