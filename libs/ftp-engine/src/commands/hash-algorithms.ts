import type { Session } from '../session/session.js';

/** Algorithms of HASH (draft-bryan-ftpext-hash) in the order of FEAT. */
export const HASH_ALGORITHMS = ['SHA-256', 'SHA-512', 'SHA-1', 'MD5', 'CRC32'] as const;

/** The FEAT line: the chosen algorithm carries an asterisk. */
export function hashFeature(session: Session): string[] {
  return [`HASH ${HASH_ALGORITHMS.map((name) => (name === session.hashAlgorithm ? `${name}*` : name)).join(';')}`];
}
