import type { SessionGrant, VirtualPath } from '@quayside/domain';
import { parsePath } from '@quayside/domain';
import type { Session } from '../session/session.js';

/** The one way from a session to its files: path, permission, quota, backend. */
export class AccountFileSystem {
  constructor(
    readonly session: Session,
    public grant: SessionGrant,
  ) {}

  /** What a client's argument means from its working directory. */
  resolve(arg: string): VirtualPath {
    return parsePath(arg, this.session.cwd);
  }

  /** The existing, visible directory that CWD enters; throws `path.not-found`, `path.not-directory`, `access.denied`. */
  directory(arg: string): VirtualPath | Promise<VirtualPath> {
    return this.resolve(arg);
  }

  /** Live policy change: the next command sees the new grant. */
  replaceGrant(grant: SessionGrant): void {
    this.grant = grant;
  }
}
