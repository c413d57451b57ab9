const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * The base 64 of crypt(3): bytes of a digest in an order of their own, three to a group, the low bits first.
 * @param groups indexes into the digest; a group of n bytes gives n + 1 characters.
 */
export function cryptBase64(digest: Uint8Array, groups: readonly (readonly number[])[]): string {
  let text = '';
  for (const group of groups) {
    let value = group.reduce((bits, index) => (bits << 8) | digest[index]!, 0);
    for (let i = 0; i <= group.length; i++) {
      text += ALPHABET[value & 63];
      value >>= 6;
    }
  }
  return text;
}
