import { readdirSync, renameSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A place in the spool: everything before it has been dealt with. */
export interface SpoolPosition {
  readonly segment: number;
  readonly offset: number;
}

/** Whether `position` is at or behind `target`. */
export function isReached(position: SpoolPosition, target: SpoolPosition): boolean {
  return position.segment > target.segment || (position.segment === target.segment && position.offset >= target.offset);
}

const SEGMENT = /^(\d{10})\.log$/;

export function segmentPath(folder: string, segment: number): string {
  return join(folder, `${String(segment).padStart(10, '0')}.log`);
}

/** Numbers of the segments in a spool folder, oldest first. */
export function listSegments(folder: string): number[] {
  return readdirSync(folder)
    .map((name) => SEGMENT.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .toSorted((a, b) => a - b);
}

/** Null where there is none or it cannot be read: then everything is drained again, which is harmless. */
export function readCheckpoint(folder: string): SpoolPosition | null {
  try {
    const { segment, offset } = JSON.parse(readFileSync(join(folder, 'checkpoint'), 'utf8')) as SpoolPosition;
    return Number.isSafeInteger(segment) && Number.isSafeInteger(offset) ? { segment, offset } : null;
  } catch {
    return null;
  }
}

/** Replaced by rename, so that it is never half written; not synced, because an old one costs only a replay. */
export function writeCheckpoint(folder: string, position: SpoolPosition): void {
  const fresh = join(folder, 'checkpoint.new');
  writeFileSync(fresh, JSON.stringify(position), { mode: 0o600 });
  renameSync(fresh, join(folder, 'checkpoint'));
}

/** Lines of a segment's bytes with the offset behind each newline; a last line without newline is not among them. */
export function* linesOf(bytes: Buffer): Generator<{ readonly line: Buffer; readonly end: number }> {
  let start = 0;
  for (;;) {
    const newline = bytes.indexOf(0x0a, start);
    if (newline === -1) return;
    yield { line: bytes.subarray(start, newline), end: newline + 1 };
    start = newline + 1;
  }
}
