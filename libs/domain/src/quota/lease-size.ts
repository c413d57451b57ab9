/** How much an upload reserves ahead of what it has received. */
export const LEASE_CHUNK_BYTES = 4 * 1024 * 1024;

/** What decides how many bytes an upload reserves next. */
export interface LeaseAsk {
  /** Bytes of the finished file that are covered already. */
  readonly coveredBytes: number;
  /** Bytes of the finished file that must be covered now. */
  readonly neededBytes: number;
  /** What the client declared by ALLO; null where it did not. */
  readonly declaredBytes: number | null;
  /** Largest file that the policy permits; null for any. */
  readonly fileSizeCap: number | null;
  /** Bytes that every ledger of the upload has left; null where there is no limit. */
  readonly freeBytes: number | null;
}

/**
 * Bytes to reserve next: a chunk ahead of need, never past the declared or permitted size, and near the limit exactly
 * what is left. An answer below `neededBytes - coveredBytes` means that the quota ends there.
 */
export function nextLeaseBytes(ask: LeaseAsk): number {
  const { coveredBytes, neededBytes, declaredBytes, fileSizeCap, freeBytes } = ask;
  const ahead = Math.max(neededBytes, coveredBytes + LEASE_CHUNK_BYTES);
  const wanted = declaredBytes === null ? ahead : Math.max(neededBytes, Math.min(ahead, declaredBytes));
  const target = fileSizeCap === null ? wanted : Math.min(wanted, fileSizeCap);
  const bytes = Math.max(0, target - coveredBytes);
  return freeBytes === null ? bytes : Math.min(bytes, Math.max(0, freeBytes));
}

/** How a committed upload changes a ledger. `replacedBytes` is null where the name was free. */
export function uploadDelta(fileBytes: number, replacedBytes: number | null): { bytes: number; files: number } {
  return replacedBytes === null ? { bytes: fileBytes, files: 1 } : { bytes: fileBytes - replacedBytes, files: 0 };
}

/** The smallest of several remainders, null standing for "no limit"; never below 0 (AVBL, SITE QUOTA). */
export function smallestRemainder(remainders: readonly (number | null)[]): number | null {
  const given = remainders.filter((value) => value !== null);
  return given.length === 0 ? null : Math.max(0, Math.min(...given));
}
