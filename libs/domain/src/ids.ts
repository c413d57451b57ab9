import { randomFillSync } from 'node:crypto';

/** Two that the count begins with, eight for the end. */
const RANDOM_BYTES = 10;
const pool = Buffer.allocUnsafe(256 * RANDOM_BYTES);
let poolOffset = pool.length;
let lastMs = 0;
let sequence = 0;

const DIGITS = Buffer.from('0123456789abcdef', 'latin1');
/** The text of the next id, in which the dashes stay: strings put together of pieces cost several times as much. */
const text = Buffer.from('00000000-0000-7000-8000-000000000000', 'latin1');

/**
 * A UUID version 7 (RFC 9562 §5.7): sortable by creation time. Within one process and millisecond the 12 bits after
 * the version count up, so ids of one process never sort out of order.
 */
export function newId(nowMs: number = Date.now()): string {
  if (poolOffset === pool.length) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  const at = poolOffset;
  poolOffset += RANDOM_BYTES;
  if (nowMs > lastMs) {
    lastMs = nowMs;
    sequence = ((pool[at]! & 0x7) << 8) | pool[at + 1]!;
  } else {
    sequence++;
    if (sequence > 0xfff) {
      lastMs++;
      sequence = 0;
    }
  }
  const high = Math.floor(lastMs / 0x1_0000);
  writeByte(0, high >>> 24);
  writeByte(2, high >>> 16);
  writeByte(4, high >>> 8);
  writeByte(6, high);
  writeByte(9, lastMs >>> 8);
  writeByte(11, lastMs);
  text[15] = DIGITS[sequence >>> 8]!;
  writeByte(16, sequence);
  writeByte(19, (pool[at + 2]! & 0x3f) | 0x80);
  writeByte(21, pool[at + 3]!);
  for (let byte = 4; byte < RANDOM_BYTES; byte++) writeByte(16 + 2 * byte, pool[at + byte]!);
  return text.toString('latin1');
}

function writeByte(at: number, byte: number): void {
  text[at] = DIGITS[(byte >>> 4) & 0xf]!;
  text[at + 1] = DIGITS[byte & 0xf]!;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a string has the form of one of our ids (lower-case UUID). */
export function isId(text: string): boolean {
  return UUID.test(text);
}
