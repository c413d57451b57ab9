import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { LEASE_CHUNK_BYTES, nextLeaseBytes, smallestRemainder, uploadDelta } from './lease-size.js';

const ask = { coveredBytes: 0, neededBytes: 1, declaredBytes: null, fileSizeCap: null, freeBytes: null };

describe('the next lease', () => {
  it('is a chunk ahead, the exact rest near the limit, and nothing beyond', () => {
    expect(nextLeaseBytes(ask)).toBe(LEASE_CHUNK_BYTES);
    expect(nextLeaseBytes({ ...ask, freeBytes: 7 })).toBe(7);
    expect(nextLeaseBytes({ ...ask, freeBytes: 0 })).toBe(0);
    expect(nextLeaseBytes({ ...ask, freeBytes: -5 })).toBe(0);
    expect(nextLeaseBytes({ ...ask, neededBytes: 3 * LEASE_CHUNK_BYTES })).toBe(3 * LEASE_CHUNK_BYTES);
  });

  it('does not reserve past the declared or permitted size', () => {
    expect(nextLeaseBytes({ ...ask, declaredBytes: 100 })).toBe(100);
    expect(nextLeaseBytes({ ...ask, declaredBytes: 100, neededBytes: 150 })).toBe(150);
    expect(nextLeaseBytes({ ...ask, fileSizeCap: 10, coveredBytes: 4 })).toBe(6);
    expect(nextLeaseBytes({ ...ask, fileSizeCap: 10, coveredBytes: 12, neededBytes: 13 })).toBe(0);
  });

  it('fills any limit to the byte when every upload is greedy', () => {
    fc.assert(
      fc.property(fc.nat(1e8), fc.array(fc.nat(3e7), { maxLength: 20 }), (limit, sizes) => {
        let used = 0;
        for (const size of sizes) {
          let covered = 0;
          for (let more = 1; more > 0 && covered < size;) {
            more = nextLeaseBytes({
              ...ask,
              coveredBytes: covered,
              neededBytes: Math.min(size, covered + 65_536),
              declaredBytes: size,
              freeBytes: limit - used,
            });
            covered += more;
            used += more;
          }
          expect(used).toBeLessThanOrEqual(limit);
          expect(covered).toBeLessThanOrEqual(size);
          expect(covered < size ? used : limit).toBe(limit);
        }
      }),
    );
  });

  it('knows what a commit changes and what is left', () => {
    expect(uploadDelta(10, null)).toEqual({ bytes: 10, files: 1 });
    expect(uploadDelta(10, 25)).toEqual({ bytes: -15, files: 0 });
    expect(smallestRemainder([null, 5, 3])).toBe(3);
    expect(smallestRemainder([null, -3])).toBe(0);
    expect(smallestRemainder([null])).toBeNull();
  });
});
