import type { Pace } from '../transfer/rates.js';
import type { UploadStreamOptions } from '../transfer/upload-stream.js';

/** An upload that nothing limits and nobody hashes, looks at or stops. */
export function freeUpload(): Omit<UploadStreamOptions, 'source' | 'writer' | 'lease' | 'decoder'> {
  return {
    hash: null,
    pace: { isFree: true, take: () => 0, waitMs: () => 0 } as unknown as Pace,
    stallMs: 60_000,
    maxBytes: () => null,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
}
