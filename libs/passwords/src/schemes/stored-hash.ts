import { argon2Hash } from './argon2-hash.js';
import { bcryptHash } from './bcrypt-hash.js';
import { md5CryptHash } from './md5-crypt.js';
import { pbkdf2Hash } from './pbkdf2-hash.js';
import { saltedShaHash } from './salted-sha.js';
import { shaCryptHash } from './sha-crypt.js';

/** A stored password hash that has been read. */
export interface StoredHash {
  /** For people and logs, for example `sha512-crypt`. */
  readonly scheme: string;
  /** Why it is refused although it is well-formed: checking it would cost more than a login may; null where it is not. */
  readonly excess: string | null;
  /** Takes its whole cost; run it only from the queue. */
  verify(password: string, bcrypt: BcryptVerifier): Promise<boolean>;
}

/** Where bcrypt is computed. */
export interface BcryptVerifier {
  compare(password: string, hash: string): Promise<boolean>;
}

/** Reads a hash of one scheme; null where the text is not of that scheme's form. */
export type HashReader = (text: string) => StoredHash | null;

const READERS: readonly HashReader[] = [bcryptHash, md5CryptHash, shaCryptHash, argon2Hash, pbkdf2Hash, saltedShaHash];

/** Longest text of a hash that is looked at. */
const MAX_LENGTH = 512;

/** The hash in whichever known form it has; null for everything else, and nothing that is null ever matches. */
export function readStoredHash(text: string): StoredHash | null {
  if (text.length > MAX_LENGTH) return null;
  for (const read of READERS) {
    const stored = read(text);
    if (stored !== null) return stored;
  }
  return null;
}

/** What is wrong with a hash that somebody wants to import, as the end of a sentence; null where nothing is. */
export function storedHashFault(text: string): string | null {
  const stored = readStoredHash(text);
  if (stored !== null) return stored.excess;
  return 'must be a password hash: $2a$, $2b$, $2y$, $1$, $5$, $6$, $argon2id$, $argon2i$, $argon2d$, PBKDF2, {SSHA} or {SHA}';
}
