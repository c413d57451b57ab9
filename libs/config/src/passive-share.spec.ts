import { describe, expect, it } from '@jest/globals';
import { assert, integer, property } from 'fast-check';
import { passiveShare, workerPlace } from './passive-share.js';

describe('passiveShare', () => {
  it('divides the range into disjoint parts that cover it', () => {
    assert(
      property(integer({ min: 1, max: 64 }), integer({ min: 0, max: 5000 }), (count, extra) => {
        const range = { first: 30000, last: 30000 + count - 1 + extra };
        let next = range.first;
        for (let slot = 0; slot < count; slot += 1) {
          const share = passiveShare(range, { slot, count });
          expect(share.first).toBe(next);
          expect(share.last).toBeGreaterThanOrEqual(share.first);
          next = share.last + 1;
        }
        expect(next).toBe(range.last + 1);
      }),
    );
  });
});

describe('workerPlace', () => {
  it('is alone without a parent', () => {
    expect(workerPlace({})).toEqual({ slot: 0, count: 1 });
  });

  it('takes the place that the parent gives', () => {
    expect(workerPlace({ WORKER_SLOT: '2', WORKER_COUNT: '4' })).toEqual({ slot: 2, count: 4 });
  });

  it('refuses a place that is none', () => {
    expect(() => workerPlace({ WORKER_SLOT: '4', WORKER_COUNT: '4' })).toThrow(RangeError);
  });
});
