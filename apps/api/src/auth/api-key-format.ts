import { createHash, randomInt } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const PREFIX_LENGTH = 8;
/** 43 characters of 62: 256 bits, so that one round of SHA-256 is enough to store it. */
const SECRET_LENGTH = 43;
/** Longest bearer token that is looked up. */
export const MAX_TOKEN_LENGTH = 512;

export interface NewApiKey {
  /** Shown once. */
  readonly key: string;
  readonly keyHash: Buffer;
  /** The part of the key that people may see afterwards. */
  readonly prefix: string;
}

/** A new key: `qs_<prefix>_<secret>`; the fixed head lets secret scanners find leaked ones. */
export function generateApiKey(): NewApiKey {
  const prefix = `qs_${random(PREFIX_LENGTH)}`;
  const key = `${prefix}_${random(SECRET_LENGTH)}`;
  return { key, keyHash: hashApiKey(key), prefix };
}

/** What is stored of a key. Keys are random, so no salt and no slow hash is needed. */
export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** The token of an Authorization header, null where it is no bearer token. */
export function bearerToken(header: string | undefined): string | null {
  const token = /^Bearer +([^\s]+) *$/i.exec(header ?? '')?.[1];
  return token === undefined || token.length > MAX_TOKEN_LENGTH ? null : token;
}

function random(length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) text += ALPHABET[randomInt(ALPHABET.length)];
  return text;
}
