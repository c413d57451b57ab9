import { type PermissionMask, permits } from '@quayside/domain';
import type { SeenEntry } from '../filesystem/account-file-system.js';
import type { Calendar } from './calendar.js';

/** RFC 3659 §7.5.1 values of `type` for what is not a file. */
export type DirectoryType = 'dir' | 'cdir' | 'pdir';

/** Builds the fact part of MLST and MLSD lines, `fact=value;…`, for a fixed choice of facts. */
export class MlsxFacts {
  readonly #chosen: ReadonlySet<string>;
  readonly #calendar: Calendar;
  readonly #perms = new Map<string, string>();

  /** @param chosen names as in FEAT */
  constructor(chosen: readonly string[], calendar: Calendar) {
    this.#chosen = new Set(chosen);
    this.#calendar = calendar;
  }

  /** @param permissions of the account at the entry, and in the directory that holds it where they differ */
  of(entry: SeenEntry, permissions: PermissionMask, directoryType: DirectoryType = 'dir'): string {
    const chosen = this.#chosen;
    let facts = '';
    if (chosen.has('type')) facts += `type=${typeOf(entry, directoryType)};`;
    if (chosen.has('size') && entry.kind === 'file') facts += `size=${entry.size};`;
    if (chosen.has('modify')) facts += `modify=${this.#calendar.timeVal(entry.modifiedMs)};`;
    if (chosen.has('perm')) facts += `perm=${this.#perm(entry, permissions)};`;
    if (chosen.has('unique')) facts += `unique=${entry.unique};`;
    if (chosen.has('X.sha256') && entry.sha256 !== undefined) facts += `X.sha256=${entry.sha256};`;
    // Not to be switched off: without it, part of a file would pass for all of it.
    if (entry.incomplete === true) facts += 'X.incomplete=1;';
    return facts;
  }

  #perm(entry: SeenEntry, permissions: PermissionMask): string {
    const key = `${entry.kind}${permissions}`;
    let perm = this.#perms.get(key);
    if (perm === undefined) this.#perms.set(key, (perm = permOf(entry.kind, permissions)));
    return perm;
  }
}

function typeOf(entry: SeenEntry, directoryType: DirectoryType): string {
  if (entry.kind === 'file') return 'file';
  return entry.kind === 'directory' ? directoryType : 'OS.unix=special';
}

/** RFC 3659 §7.5.5, from what the account may do, not from mode bits. */
function permOf(kind: SeenEntry['kind'], permissions: PermissionMask): string {
  const may = (...row: Parameters<typeof permits>[1][]): boolean =>
    row.every((permission) => permits(permissions, permission));
  if (kind === 'directory') {
    let perm = may('upload') ? 'c' : '';
    if (may('rmdir')) perm += 'd';
    if (permissions !== 0) perm += 'e';
    if (may('rename')) perm += 'f';
    if (may('list')) perm += 'l';
    if (may('mkdir')) perm += 'm';
    if (may('delete')) perm += 'p';
    return perm;
  }
  // Neither opened nor deleted: only its name can change.
  if (kind === 'other') return may('rename') ? 'f' : '';
  let perm = may('delete') ? 'd' : '';
  if (may('rename')) perm += 'f';
  if (may('append')) perm = `a${perm}`;
  if (may('download')) perm += 'r';
  if (may('overwrite')) perm += 'w';
  return perm;
}
