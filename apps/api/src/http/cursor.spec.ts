import { describe, expect, it } from '@jest/globals';
import { decodeCursor, encodeCursor, type Position } from './cursor.js';

const invalid = expect.objectContaining({ code: 'cursor.invalid' });
const isPair = (position: Position): boolean => position.length === 2;
const anyPosition = (): boolean => true;

describe('cursor', () => {
  it('gives back the position for the same list, filters and sort, whatever the order of members', () => {
    const cursor = encodeCursor({ list: 'a', status: 'active', q: undefined }, ['2026-01-01T00:00:00.000Z', 'id', 3]);
    expect(decodeCursor({ status: 'active', list: 'a' }, cursor, anyPosition)).toEqual([
      '2026-01-01T00:00:00.000Z',
      'id',
      3,
    ]);
  });

  it('is refused for another list, filter or sort', () => {
    const cursor = encodeCursor({ list: 'a', status: 'active' }, ['x']);
    expect(() => decodeCursor({ list: 'b', status: 'active' }, cursor, anyPosition)).toThrow(invalid);
    expect(() => decodeCursor({ list: 'a' }, cursor, anyPosition)).toThrow(invalid);
  });

  it.each([
    '',
    'x',
    '!!!!',
    'bnVsbA',
    Buffer.from('{}').toString('base64url'),
    Buffer.from('[1]').toString('base64url'),
  ])('is refused when it is %j', (cursor) => {
    expect(() => decodeCursor({ list: 'a' }, cursor, anyPosition)).toThrow(invalid);
  });

  it('is refused when its values do not have the types of the sort keys', () => {
    const forged = encodeCursor({ list: 'a' }, ["'; DROP TABLE account"]);
    expect(() => decodeCursor({ list: 'a' }, forged, isPair)).toThrow(invalid);
    expect(() => decodeCursor({ list: 'a' }, encodeCursor({ list: 'a' }, [{}] as never), anyPosition)).toThrow(invalid);
  });
});
