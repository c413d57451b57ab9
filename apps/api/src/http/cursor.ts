import { createHash } from 'node:crypto';
import { DomainError } from '@quayside/domain';

/** The sort keys of the last item of a page. */
export type Position = readonly (string | number)[];

/**
 * An opaque cursor: where the next page starts, and a fingerprint of the list, its filters and its sort, so that a
 * cursor is refused where they differ instead of silently giving another page.
 */
export function encodeCursor(scope: unknown, position: Position): string {
  return Buffer.from(JSON.stringify([fingerprint(scope), ...position])).toString('base64url');
}

/**
 * The position in a cursor made for the same scope; throws `cursor.invalid` for anything else.
 * @param isPosition whether the values have the types of this list's sort keys; they go into SQL parameters.
 */
export function decodeCursor(scope: unknown, cursor: string, isPosition: (position: Position) => boolean): Position {
  const [scopeMark, ...position] = parse(cursor);
  if (scopeMark !== fingerprint(scope) || !position.every(isKey) || !isPosition(position)) {
    throw new DomainError('cursor.invalid');
  }
  return position;
}

function parse(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function isKey(value: unknown): value is string | number {
  return typeof value === 'number' || typeof value === 'string';
}

function fingerprint(scope: unknown): string {
  return createHash('sha256').update(canonicalJson(scope)).digest('base64url').slice(0, 11);
}

/** JSON with sorted keys and without undefined members. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
