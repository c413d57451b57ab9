import { DomainError } from '@quayside/domain';
import type { FileFacts } from '@quayside/native';
import type { Entry } from '../storage-backend.js';

/** Facts of a name (of its target where it is a symlink) as an entry. */
export function entryOf(name: string, facts: FileFacts): Entry {
  const kind = facts.kind === 'symlink' ? 'other' : facts.kind;
  return {
    name,
    kind,
    size: kind === 'directory' ? 0 : facts.size,
    modifiedMs: facts.modifiedMs,
    mode: facts.mode & 0o777,
    unique: `${facts.device.toString(36)}g${facts.inode.toString(36)}`,
    links: facts.links,
  };
}

/** Only regular files are read, replaced and deleted. */
export function requireFile(kind: FileFacts['kind']): void {
  if (kind === 'directory') throw new DomainError('path.is-directory');
  if (kind !== 'file') throw new DomainError('path.not-regular');
}
