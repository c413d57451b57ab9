import { DomainError } from '../errors/domain-error.js';

/**
 * An absolute, normalised path of an account's view: starts with `/`, has no empty, `.` or `..` segment, no NUL, CR or
 * LF, and no trailing slash except the root itself. Only {@link parsePath} and its relatives make one.
 */
export type VirtualPath = string & { readonly __brand: 'VirtualPath' };

/** Longest path in UTF-8 bytes (Linux PATH_MAX less room for the root) and longest segment (NAME_MAX). */
export const MAX_PATH_BYTES = 3500;
export const MAX_NAME_BYTES = 255;

export const ROOT = '/' as VirtualPath;

// oxlint-disable-next-line no-control-regex -- NUL, CR and LF are the subject: they forge listings and replies
const FORBIDDEN = /[\u0000\r\n]/;

/**
 * Resolve what a client sent against its working directory. `..` above the root stays at the root; `\` is an ordinary
 * character. Throws `path.name-refused` for NUL, CR, LF, over-long names and over-long paths.
 */
export function parsePath(input: string, workingDirectory: VirtualPath = ROOT): VirtualPath {
  if (FORBIDDEN.test(input))
    throw new DomainError('path.name-refused', { detail: 'File names cannot contain control characters' });
  const segments: string[] = [];
  const parts = input.startsWith('/') ? input.split('/') : `${workingDirectory}/${input}`.split('/');
  for (const part of parts) {
    if (part === '' || part === '.') continue;
    if (part === '..') segments.pop();
    else {
      if (part.length > MAX_NAME_BYTES / 3 && Buffer.byteLength(part) > MAX_NAME_BYTES) {
        throw new DomainError('path.name-refused', { detail: 'The file name is too long' });
      }
      segments.push(part);
    }
  }
  const path = `/${segments.join('/')}`;
  if (path.length > MAX_PATH_BYTES / 3 && Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new DomainError('path.name-refused', { detail: 'The path is too long' });
  }
  return path as VirtualPath;
}

/** The directory that holds `path`; the root is its own parent. */
export function parentOf(path: VirtualPath): VirtualPath {
  const cut = path.lastIndexOf('/');
  return (cut <= 0 ? '/' : path.slice(0, cut)) as VirtualPath;
}

/** The last segment; empty for the root. */
export function nameOf(path: VirtualPath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A child of a directory. `name` must be one segment. */
export function childOf(directory: VirtualPath, name: string): VirtualPath {
  return (directory === '/' ? `/${name}` : `${directory}/${name}`) as VirtualPath;
}

/** Whether `path` is `ancestor` or lies below it. */
export function isWithin(path: VirtualPath, ancestor: VirtualPath): boolean {
  return ancestor === '/' || path === ancestor || path.startsWith(`${ancestor}/`);
}

/** `path` (which lies within `ancestor`) as seen from `ancestor`. */
export function relativeTo(path: VirtualPath, ancestor: VirtualPath): VirtualPath {
  if (ancestor === '/') return path;
  return (path.length === ancestor.length ? '/' : path.slice(ancestor.length)) as VirtualPath;
}
