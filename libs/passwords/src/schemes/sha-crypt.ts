import { createHash } from 'node:crypto';
import { sameText } from './constant-time.js';
import { cryptBase64 } from './crypt-base64.js';
import type { StoredHash } from './stored-hash.js';
import { inTurns } from './turns.js';

const FORM = /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$:\n]{0,16})\$([./0-9A-Za-z]{43}|[./0-9A-Za-z]{86})$/;
const DEFAULT_ROUNDS = 5000;
/** The specification's own lower bound. */
const LEAST_ROUNDS = 1000;
/** Passlib's default is 656,000. */
const MOST_ROUNDS = 1_000_000;

interface Variant {
  readonly algorithm: 'sha256' | 'sha512';
  readonly scheme: string;
  readonly digestLength: number;
  readonly order: readonly (readonly number[])[];
}

const SHA256: Variant = {
  algorithm: 'sha256',
  scheme: 'sha256-crypt',
  digestLength: 43,
  order: orderOf(10, 2, [31, 30]),
};
const SHA512: Variant = { algorithm: 'sha512', scheme: 'sha512-crypt', digestLength: 86, order: orderOf(21, 1, [63]) };

/** `$5$` and `$6$`, with or without `rounds=`: Ulrich Drepper's SHA-crypt, which Linux keeps in /etc/shadow. */
export function shaCryptHash(text: string): StoredHash | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const [, kind, roundsText, salt, digest] = match as unknown as [string, string, string | undefined, string, string];
  const variant = kind === '5' ? SHA256 : SHA512;
  if (digest.length !== variant.digestLength) return null;
  const rounds = roundsText === undefined ? DEFAULT_ROUNDS : Math.max(LEAST_ROUNDS, Number(roundsText));
  return {
    scheme: variant.scheme,
    excess: rounds > MOST_ROUNDS ? `must have at most ${MOST_ROUNDS} rounds` : null,
    verify: async (password) =>
      sameText(await shaCrypt(variant, Buffer.from(password), Buffer.from(salt), rounds), digest),
  };
}

/** The numbers in comments are the steps of the specification. */
async function shaCrypt(variant: Variant, password: Buffer, salt: Buffer, rounds: number): Promise<string> {
  const hash = (...parts: readonly Buffer[]): Buffer =>
    createHash(variant.algorithm).update(Buffer.concat(parts)).digest();
  // 4 to 8
  const alternate = hash(password, salt, password);
  // 1 to 3, 9 to 12
  const parts = [password, salt, repeated(alternate, password.length)];
  for (let bits = password.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? alternate : password);
  let digest = hash(...parts);
  // 13 to 16
  const p = repeated(hash(...Array.from({ length: password.length }, () => password)), password.length);
  // 17 to 20
  const s = repeated(hash(...Array.from({ length: 16 + digest[0]! }, () => salt)), salt.length);
  // 21
  await inTurns(rounds, (round) => {
    const odd = round % 2 === 1;
    const input = [odd ? p : digest];
    if (round % 3 !== 0) input.push(s);
    if (round % 7 !== 0) input.push(p);
    digest = hash(...input, odd ? digest : p);
  });
  return cryptBase64(digest, variant.order);
}

/** As many bytes as asked for, of a digest written over and over. */
function repeated(digest: Buffer, length: number): Buffer {
  return Buffer.alloc(length, digest);
}

/** Step 22: byte n with the two that are one and two strides behind it, turned by `turn` places more each time. */
function orderOf(stride: number, turn: number, rest: readonly number[]): readonly (readonly number[])[] {
  const groups = Array.from({ length: stride }, (_, n) => {
    const group = [n, n + stride, n + 2 * stride];
    const cut = (n * turn) % 3;
    return [...group.slice(cut), ...group.slice(0, cut)];
  });
  return [...groups, rest];
}
