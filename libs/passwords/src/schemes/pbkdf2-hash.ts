import { pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { sameBytes } from './constant-time.js';
import type { StoredHash } from './stored-hash.js';

const DIGESTS = ['sha1', 'sha256', 'sha512'] as const;
type Digest = (typeof DIGESTS)[number];

/** Twice what OWASP asks for with SHA-1. */
const MOST_ITERATIONS = 3_000_000;
/** `pbkdf2_sha256$iterations$salt$key`: the salt is text, the key base 64. */
const DJANGO = /^pbkdf2_(sha1|sha256|sha512)\$(\d{1,9})\$([^$\n]{1,64})\$([A-Za-z0-9+/]{22,172}={0,2})$/;
/** `$pbkdf2-sha256$iterations$salt$key`, without a digest SHA-1; both in passlib's base 64 (`.` for `+`, no padding). */
const PASSLIB = /^\$pbkdf2(?:-(sha256|sha512))?\$(\d{1,9})\$([A-Za-z0-9./]{0,172})\$([A-Za-z0-9./]{22,172})$/;
/** `{PBKDF2-SHA256}iterations$salt$key`: the same, as OpenLDAP writes it. */
const LDAP = /^\{PBKDF2(?:-(SHA1|SHA256|SHA512))?\}(\d{1,9})\$([A-Za-z0-9./]{0,172})\$([A-Za-z0-9./]{22,172})$/i;

const derive = promisify(pbkdf2);

/** PBKDF2 as Django, passlib and OpenLDAP write it; computed on libuv's threads. */
export function pbkdf2Hash(text: string): StoredHash | null {
  const django = DJANGO.exec(text);
  const match = django ?? PASSLIB.exec(text) ?? LDAP.exec(text);
  if (match === null) return null;
  const [, name = 'sha1', iterationsText, salt, key] = match as unknown as [
    string,
    string | undefined,
    string,
    string,
    string,
  ];
  const digest = name.toLowerCase() as Digest;
  const iterations = Number(iterationsText);
  if (iterations < 1 || !DIGESTS.includes(digest)) return null;
  const saltBytes = django === null ? adaptedBase64(salt) : Buffer.from(salt);
  const keyBytes = django === null ? adaptedBase64(key) : Buffer.from(key, 'base64');
  return {
    scheme: `pbkdf2-${digest}`,
    excess: iterations > MOST_ITERATIONS ? `must have at most ${MOST_ITERATIONS} iterations` : null,
    verify: async (password) =>
      sameBytes(await derive(password, saltBytes, iterations, keyBytes.length, digest), keyBytes),
  };
}

function adaptedBase64(text: string): Buffer {
  return Buffer.from(text.replaceAll('.', '+'), 'base64');
}
