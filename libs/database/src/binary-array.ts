/** Arrays of PostgreSQL in its binary format, which the driver sends where a parameter is a Buffer. */
type ElementType = 'uuid' | 'text' | 'timestamptz' | 'bigint' | 'jsonb';

/** The object ids of the element types in pg_type, the same in every database. */
const OIDS: Record<ElementType, number> = { uuid: 2950, text: 25, timestamptz: 1184, bigint: 20, jsonb: 3802 };
/** Number of dimensions, whether there are NULLs, element type; where there is a dimension, its length and first index. */
const EMPTY_BYTES = 12;
const HEADER_BYTES = 20;
const UUID_BYTES = 16;
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
  let hasNull = false;
  for (const value of values) {
    size += 4;
    if (value === null) hasNull = true;
    else size += sizeOf(type, value);
  }
  const array = Buffer.allocUnsafe(size);
  array.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  array.writeInt32BE(hasNull ? 1 : 0, 4);
  array.writeInt32BE(OIDS[type], 8);
  if (values.length === 0) return array;
  array.writeInt32BE(values.length, 12);
  array.writeInt32BE(1, 16);
  let at = HEADER_BYTES;
  for (const value of values) {
    const bytes = value === null ? -1 : write(array, type, value, at + 4);
    array.writeInt32BE(bytes, at);
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
    case 'uuid': {
      const bytes = array.write((value as string).replaceAll('-', ''), at, UUID_BYTES, 'hex');
      if (bytes !== UUID_BYTES) throw new TypeError('An id is no UUID');
      return bytes;
    }
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
      return array.write(value as string, at);
  }
}

function writeBigint(array: Buffer, value: number, at: number): number {
  array.writeInt32BE(Math.floor(value / TWO_32), at);
  array.writeUInt32BE(value >>> 0, at + 4);
  return 8;
}
