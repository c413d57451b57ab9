import { createHash } from 'node:crypto';
import { sameBytes } from './constant-time.js';
import type { StoredHash } from './stored-hash.js';

const FORM = /^\{(S)?SHA(256|512)?\}([A-Za-z0-9+/]{20,200}={0,2})$/i;
const LENGTHS = { sha1: 20, sha256: 32, sha512: 64 } as const;

/** LDAP's `{SSHA}` (digest and salt in base 64) and `{SHA}` (no salt), also with SHA-256 and SHA-512. */
export function saltedShaHash(text: string): StoredHash | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const [, salted, size = '1', base64] = match as unknown as [string, string | undefined, string | undefined, string];
  const algorithm = `sha${size}` as keyof typeof LENGTHS;
  const bytes = Buffer.from(base64, 'base64');
  const digest = bytes.subarray(0, LENGTHS[algorithm]);
  const salt = bytes.subarray(LENGTHS[algorithm]);
  if (digest.length < LENGTHS[algorithm] || salt.length > 0 !== (salted !== undefined)) return null;
  return {
    scheme: `${salted === undefined ? '' : 'salted-'}${algorithm}`,
    excess: null,
    verify: (password) =>
      Promise.resolve(sameBytes(createHash(algorithm).update(password).update(salt).digest(), digest)),
  };
}
