/** Arrays of PostgreSQL in its binary format, which the driver sends where a parameter is a Buffer. */
type ElementType = 'uuid' | 'text' | 'timestamptz' | 'bigint' | 'jsonb';

/** The object ids of the element types in pg_type, the same in every database. */
const OIDS: Record<ElementType, number> = { uuid: 2950, text: 25, timestamptz: 1184, bigint: 20, jsonb: 3802 };
/** Number of dimensions, whether there are NULLs, element type; where there is a dimension, its length and first index. */
const EMPTY_BYTES = 12;
const HEADER_BYTES = 20;
const NULL_LENGTH = -1;
const UUID_BYTES = 16;
const UUID_LENGTH = 36;
const HYPHEN = 0x2d;
const NO_DIGIT = 16;
const HEX_DIGITS = new Uint8Array(128).fill(NO_DIGIT);
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16);
  HEX_DIGITS[text.charCodeAt(0)] = digit;
  HEX_DIGITS[text.toUpperCase().charCodeAt(0)] = digit;
}
const WORD_LENGTH = 64;
const TWO_32 = 2 ** 32;
/** PostgreSQL's time begins in 2000. */
const EPOCH_MS = 946_684_800_000;
/** Of the format of jsonb. */
const JSONB_VERSION = 1;

/**
 * One column of a list of rows as one parameter. The server takes it apart without reading text, which costs a fraction
 * of what JSON does. The values must be what the type can hold: UUIDs, times (RFC 3339), safe integers; fractions of
 * milliseconds are cut off.
 */
export function binaryArray<Row>(type: 'bigint', rows: readonly Row[], of: (row: Row) => number | null): Buffer;
export function binaryArray<Row>(
  type: Exclude<ElementType, 'bigint'>,
  rows: readonly Row[],
  of: (row: Row) => string | null,
): Buffer;
export function binaryArray<Row>(
  type: ElementType,
  rows: readonly Row[],
  of: (row: Row) => string | number | null,
): Buffer {
  const values = rows.map((row) => of(row));
  let size = values.length === 0 ? EMPTY_BYTES : HEADER_BYTES;
  let nulls = 0;
  for (const value of values) {
    size += 4;
    if (value === null) nulls++;
    else size += sizeOf(type, value);
  }
  const array = Buffer.allocUnsafe(size);
  writeInt(array, values.length === 0 ? 0 : 1, 0);
  writeInt(array, nulls === 0 ? 0 : 1, 4);
  writeInt(array, OIDS[type], 8);
  if (values.length === 0) return array;
  writeInt(array, values.length, 12);
  writeInt(array, 1, 16);
  if (nulls === values.length) return array.fill(0xff, HEADER_BYTES);
  let at = HEADER_BYTES;
  for (const value of values) {
    const bytes = value === null ? NULL_LENGTH : write(array, type, value, at + 4);
    writeInt(array, bytes, at);
    at += 4 + Math.max(0, bytes);
  }
  return array;
}

function sizeOf(type: ElementType, value: string | number): number {
  if (type === 'uuid') return UUID_BYTES;
  if (type === 'timestamptz' || type === 'bigint') return 8;
  return Buffer.byteLength(value as string) + (type === 'jsonb' ? 1 : 0);
}

/** Writes one element and tells its length. */
function write(array: Buffer, type: ElementType, value: string | number, at: number): number {
  switch (type) {
    case 'uuid':
      return writeUuid(array, value as string, at);
    case 'timestamptz': {
      const ms = Date.parse(value as string);
      if (Number.isNaN(ms)) throw new TypeError('A time is not RFC 3339');
      return writeBigint(array, (ms - EPOCH_MS) * 1_000, at);
    }
    case 'bigint':
      return writeBigint(array, value as number, at);
    case 'jsonb':
      array[at] = JSONB_VERSION;
      return 1 + array.write(value as string, at + 1);
    default:
      return writeText(array, value as string, at);
  }
}

/** By hand, because a call out of JavaScript costs several times that. */
function writeUuid(array: Buffer, id: string, start: number): number {
  let at = start;
  for (let index = 0; index < id.length && at < start + UUID_BYTES;) {
    if (id.charCodeAt(index) === HYPHEN) {
      index++;
      continue;
    }
    const high = HEX_DIGITS[id.charCodeAt(index)] ?? NO_DIGIT;
    const low = HEX_DIGITS[id.charCodeAt(index + 1)] ?? NO_DIGIT;
    if ((high | low) >= NO_DIGIT) break;
    array[at++] = (high << 4) | low;
    index += 2;
  }
  if (id.length !== UUID_LENGTH || at !== start + UUID_BYTES) throw new TypeError('An id is no UUID');
  return UUID_BYTES;
}

/** The same for words. */
function writeText(array: Buffer, text: string, at: number): number {
  if (text.length > WORD_LENGTH) return array.write(text, at);
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return array.write(text, at);
    array[at + index] = unit;
  }
  return text.length;
}

function writeBigint(array: Buffer, value: number, at: number): number {
  writeInt(array, Math.floor(value / TWO_32), at);
  writeInt(array, value, at + 4);
  return 8;
}

/** The lower 32 bits. */
function writeInt(array: Buffer, value: number, at: number): void {
  array[at] = value >>> 24;
  array[at + 1] = value >>> 16;
  array[at + 2] = value >>> 8;
  array[at + 3] = value;
}
