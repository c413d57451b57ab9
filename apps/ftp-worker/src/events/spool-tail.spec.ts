import { describe, expect, it } from '@jest/globals';
import type { SpoolRecord } from './spool-record.js';
import { SpoolTail } from './spool-tail.js';

const records = Array.from({ length: 10 }, (_value, n): SpoolRecord => ({
  k: 'end',
  id: `${n}`,
  event: null,
  ledger: [],
}));

function filled(mostRecords?: number): SpoolTail {
  const tail = new SpoolTail(mostRecords);
  records.forEach((record, n) => tail.push(record, { segment: 1, offset: n * 10 }, 10));
  return tail;
}

describe('SpoolTail', () => {
  it('hands out what follows a position, up to a limit', () => {
    const tail = filled();
    expect(tail.read({ segment: 1, offset: 20 }, 3)).toEqual({
      records: records.slice(2, 5),
      count: 3,
      next: { segment: 1, offset: 50 },
    });
    expect(tail.read({ segment: 1, offset: 80 }, 50)).toEqual({
      records: records.slice(8),
      count: 2,
      next: { segment: 1, offset: 100 },
    });
  });

  it('knows nothing of positions that it does not keep', () => {
    const tail = filled();
    expect(tail.read({ segment: 1, offset: 15 }, 3)).toBeNull();
    expect(tail.read({ segment: 2, offset: 20 }, 3)).toBeNull();
    expect(tail.read({ segment: 1, offset: 100 }, 3)).toBeNull();
  });

  it('stops where something else was written in between', () => {
    const tail = filled();
    tail.push(records[0]!, { segment: 1, offset: 140 }, 10);
    expect(tail.read({ segment: 1, offset: 90 }, 50)?.next).toEqual({ segment: 1, offset: 100 });
    expect(tail.read({ segment: 1, offset: 140 }, 50)?.next).toEqual({ segment: 1, offset: 150 });
  });

  it('goes on in the next segment where it has all of the one before', () => {
    const tail = filled();
    tail.push(records[1]!, { segment: 2, offset: 0 }, 10);
    expect(tail.read({ segment: 1, offset: 90 }, 50)?.records).toEqual([records[9]]);
    tail.finish({ segment: 1, offset: 120 });
    expect(tail.read({ segment: 1, offset: 90 }, 50)?.records).toEqual([records[9]]);
    tail.finish({ segment: 1, offset: 100 });
    expect(tail.read({ segment: 1, offset: 90 }, 50)).toEqual({
      records: [records[9], records[1]],
      count: 2,
      next: { segment: 2, offset: 10 },
    });
  });

  it('forgets what lies before the last question', () => {
    const tail = filled();
    expect(tail.read({ segment: 1, offset: 30 }, 1)?.records).toEqual([records[3]]);
    expect(tail.read({ segment: 1, offset: 20 }, 3)).toBeNull();
    expect(tail.read({ segment: 1, offset: 30 }, 1)?.records).toEqual([records[3]]);
  });

  it('keeps the last records of a backlog, and hardly more than its bound', () => {
    const tail = filled(3);
    expect(tail.read({ segment: 1, offset: 70 }, 50)?.records).toEqual(records.slice(7));
    expect(tail.read({ segment: 1, offset: 60 }, 50)).toBeNull();
  });
});
