import { isId } from '@quayside/domain';
import type { Position } from './cursor.js';

/** The forms of cursor positions; a forged cursor must not reach a cast in SQL. */

export function isTimeAndId(position: Position): boolean {
  const [time, id] = position;
  return position.length === 2 && isTime(time) && typeof id === 'string' && isId(id);
}

export function isName(position: Position): boolean {
  return position.length === 1 && typeof position[0] === 'string' && position[0].length <= 100;
}

export function isSequence(position: Position): boolean {
  return position.length === 1 && Number.isSafeInteger(position[0]);
}

function isTime(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) &&
    !Number.isNaN(Date.parse(value))
  );
}
