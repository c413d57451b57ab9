import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { FatalError } from '@quayside/supervisor';

/** As whom the server runs. PostgreSQL refuses to run as root. */
export interface ServerUser {
  /** Null: as the user of this process. */
  readonly ids: { readonly uid: number; readonly gid: number } | null;
}

/**
 * For root: the owner of the existing cluster, else `postgres`, else `nobody`; no user is added to the machine. For
 * anybody else: himself.
 */
export function serverUser(clusterFolder: string): ServerUser {
  if (userInfo().uid !== 0) return { ids: null };
  const present = statSync(clusterFolder, { throwIfNoEntry: false });
  if (present !== undefined && present.uid !== 0) return { ids: { uid: present.uid, gid: present.gid } };
  const users = readUsers();
  const ids = users.get('postgres') ?? users.get('nobody');
  if (ids === undefined) {
    throw new FatalError(
      'PostgreSQL does not run as root, and this machine has no user postgres or nobody. Start as an ordinary user, or set DATABASE_URL.',
    );
  }
  return { ids };
}

function readUsers(): Map<string, { uid: number; gid: number }> {
  const users = new Map<string, { uid: number; gid: number }>();
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    if (/^\d+$/.test(uid) && Number(uid) > 0) users.set(name, { uid: Number(uid), gid: Number(gid) });
  }
  return users;
}
