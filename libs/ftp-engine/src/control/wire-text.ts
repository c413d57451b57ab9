const LONE_SURROGATE = /\p{Surrogate}/u;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Bytes of the control connection as text. UTF-8 where it is valid; a byte that is not becomes the lone surrogate
 * U+DC80–U+DCFF, so that {@link encodeText} gives the same bytes back: a name in Latin-1 is still that file's name.
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeEscaped(bytes);
  }
}

/** The inverse of {@link decodeText}. */
export function encodeText(text: string): Buffer {
  if (!LONE_SURROGATE.test(text)) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit < 0xdc00 && at + 1 < text.length) {
      const low = text.charCodeAt(at + 1);
      if (low >= 0xdc00 && low <= 0xdfff) {
        at++;
        continue;
      }
    }
    if (unit < 0xdc80 || unit > 0xdcff) continue;
    parts.push(Buffer.from(text.slice(start, at), 'utf8'), Buffer.of(unit - 0xdc00));
    start = at + 1;
  }
  parts.push(Buffer.from(text.slice(start), 'utf8'));
  return Buffer.concat(parts);
}

function decodeEscaped(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at]!);
    const sequence = bytes.subarray(at, at + length);
    try {
      text += strict.decode(sequence);
      at += length;
    } catch {
      text += String.fromCharCode(0xdc00 + bytes[at]!);
      at++;
    }
  }
  return text;
}

function sequenceLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
