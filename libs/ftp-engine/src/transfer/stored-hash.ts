import { createHash } from 'node:crypto';
import { read } from 'node:fs';
import { promisify } from 'node:util';
import type { StorageWriter } from '@quayside/storage';

const readAsync = promisify(read);
const CHUNK_BYTES = 1024 * 1024;

/**
 * SHA-256 of all staged bytes, for an upload that went on where an earlier one ended: what came then was not seen now.
 * Null where the writer has no readable descriptor.
 */
export async function hashOfStored(writer: StorageWriter, signal: AbortSignal): Promise<string | null> {
  const { fd } = writer;
  if (fd === null) return null;
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, writer.bytes)));
  for (let position = 0; position < writer.bytes;) {
    signal.throwIfAborted();
    const { bytesRead } = await readAsync(fd, buffer, 0, buffer.length, position);
    if (bytesRead === 0) return null;
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
  return hash.digest('hex');
}
