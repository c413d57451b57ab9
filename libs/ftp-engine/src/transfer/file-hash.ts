import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { DomainError } from '@quayside/domain';
import type { OpenFile } from '@quayside/storage';
import type { BufferPool } from './buffer-pool.js';

/** Bytes `from` (inclusive) to `to` (exclusive) of a file. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

interface Digest {
  update(bytes: Uint8Array): void;
  hex(): string;
}

const OPENSSL: Readonly<Record<string, string>> = {
  'SHA-256': 'sha256',
  'SHA-512': 'sha512',
  'SHA-1': 'sha1',
  MD5: 'md5',
};

/** A checksum is worth this much waiting; the client then is told to try again. */
const DEADLINE_MS = 120_000;

/**
 * Checksum of a range of a file as lower-case hex; `algorithm` as in FEAT. Reads in pool threads with a turn of the loop
 * between, and stops with the signal or after two minutes (`path.busy`).
 */
export async function hashOfFile(
  file: OpenFile,
  algorithm: string,
  range: ByteRange,
  buffers: BufferPool,
  signal: AbortSignal,
): Promise<string> {
  const digest = digestOf(algorithm);
  const deadline = performance.now() + DEADLINE_MS;
  const buffer = buffers.take();
  try {
    for (let position = range.from; position < range.to;) {
      signal.throwIfAborted();
      if (performance.now() > deadline) {
        throw new DomainError('path.busy', { detail: 'The checksum takes too long; try again later' });
      }
      const bytes = await file.read(buffer, 0, Math.min(buffer.length, range.to - position), position);
      if (bytes === 0) break;
      digest.update(buffer.subarray(0, bytes));
      position += bytes;
    }
  } finally {
    buffers.give(buffer);
  }
  return digest.hex();
}

function digestOf(algorithm: string): Digest {
  const name = OPENSSL[algorithm];
  if (name === undefined) {
    let value = 0;
    return {
      update: (bytes) => {
        value = crc32(bytes, value);
      },
      hex: () => value.toString(16).padStart(8, '0'),
    };
  }
  const hash = createHash(name);
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
}
