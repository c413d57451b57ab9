import type { VirtualPath } from '@quayside/domain';

/** A path as 257 gives it: in quotes, quotes in it doubled (RFC 959 Appendix II). */
export function quotedPath(path: VirtualPath): string {
  return `"${path.replaceAll('"', '""')}"`;
}
