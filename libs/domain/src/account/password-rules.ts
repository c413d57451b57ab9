import { randomInt } from 'node:crypto';

/** bcrypt reads only the first 72 bytes, so longer passwords are refused rather than silently cut. */
export const MAX_PASSWORD_BYTES = 72;
export const MIN_PASSWORD_LENGTH = 8;

/** What is wrong with a password, as a sentence for the person who chose it; null when nothing is. */
export function passwordFault(password: string): string | null {
  if (Array.from(password).length < MIN_PASSWORD_LENGTH) return `must have at least ${MIN_PASSWORD_LENGTH} characters`;
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) return `must have at most ${MAX_PASSWORD_BYTES} bytes in UTF-8`;
  // oxlint-disable-next-line no-control-regex -- CR, LF and NUL cannot be sent in a PASS command
  if (/[\u0000\r\n]/.test(password)) return 'cannot contain NUL, CR or LF: FTP cannot send them';
  return null;
}

// No 0/O, 1/l/I: people read these over the phone.
const ALPHABET = 'abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** A generated password: 20 characters, about 116 bits, safe in URLs and shells. */
export function generatePassword(): string {
  let password = '';
  for (let i = 0; i < 20; i++) password += ALPHABET[randomInt(ALPHABET.length)];
  return password;
}
