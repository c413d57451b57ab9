import { createHash } from 'node:crypto';
import { sameText } from './constant-time.js';
import { cryptBase64 } from './crypt-base64.js';
import type { StoredHash } from './stored-hash.js';
import { inTurns } from './turns.js';

const FORM = /^\$1\$([^$:\n]{0,8})\$([./0-9A-Za-z]{22})$/;
const ROUNDS = 1000;
const ORDER = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [11]];

/** `$1$salt$digest`: FreeBSD's MD5 crypt, as it is in old /etc/shadow files. */
export function md5CryptHash(text: string): StoredHash | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const [, salt, digest] = match as unknown as [string, string, string];
  return {
    scheme: 'md5-crypt',
    excess: null,
    verify: async (password) => sameText(await md5Crypt(Buffer.from(password), Buffer.from(salt)), digest),
  };
}

async function md5Crypt(password: Buffer, salt: Buffer): Promise<string> {
  const first = createHash('md5').update(password).update('$1$').update(salt);
  const alternate = md5(password, salt, password);
  for (let left = password.length; left > 0; left -= 16) first.update(alternate.subarray(0, Math.min(16, left)));
  // The first version of the algorithm took a zero byte where it meant the digest; all others have to do the same.
  for (let bits = password.length; bits > 0; bits >>= 1) {
    first.update((bits & 1) === 1 ? Buffer.alloc(1) : password.subarray(0, 1));
  }
  let digest: Buffer = first.digest();
  await inTurns(ROUNDS, (round) => {
    const odd = round % 2 === 1;
    const parts = [odd ? password : digest];
    if (round % 3 !== 0) parts.push(salt);
    if (round % 7 !== 0) parts.push(password);
    digest = md5(...parts, odd ? digest : password);
  });
  return cryptBase64(digest, ORDER);
}

function md5(...parts: readonly Buffer[]): Buffer {
  return createHash('md5').update(Buffer.concat(parts)).digest();
}
