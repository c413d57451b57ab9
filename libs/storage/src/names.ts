/**
 * File names are bytes, paths are strings. Bytes that are not valid UTF-8 are carried as the lone surrogates
 * U+DC80…U+DCFF (byte + 0xDC00), as Python's `surrogateescape` does: reversible, and never the same as a valid name,
 * because UTF-8 cannot hold surrogates.
 */

const ESCAPED = /[\uDC80-\uDCFF]/;

/** The string form of a name's bytes. */
export function encodeName(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  if (!text.includes('\uFFFD') || Buffer.from(text).equals(buffer)) return text;
  let name = '';
  for (let at = 0; at < buffer.length;) {
    const length = sequenceLength(buffer, at);
    if (length === 0) name += String.fromCharCode(0xdc00 + buffer[at]!);
    else name += buffer.toString('utf8', at, at + length);
    at += Math.max(length, 1);
  }
  return name;
}

/** The bytes of a name that {@link encodeName} or a client's UTF-8 text made. */
export function decodeName(name: string): Buffer {
  if (!ESCAPED.test(name)) return Buffer.from(name);
  const parts: Buffer[] = [];
  for (const character of name) {
    const point = character.codePointAt(0)!;
    parts.push(point >= 0xdc80 && point <= 0xdcff ? Buffer.of(point - 0xdc00) : Buffer.from(character));
  }
  return Buffer.concat(parts);
}

/** Whether a name or path holds escaped bytes. */
export function hasEscapedBytes(name: string): boolean {
  return ESCAPED.test(name) && decodeName(name).toString('utf8') !== name;
}

/** Bytes of the well-formed UTF-8 sequence that starts at `at` (Unicode table 3-7); 0 where there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length =
    first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  const second = bytes[at + 1]!;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let next = 2; next < length; next++) if ((bytes[at + next]! & 0xc0) !== 0x80) return 0;
  return length;
}
