import { BufferPool } from '../transfer/buffer-pool.js';

/** Counts the buffers that are out. */
export class CountingPool extends BufferPool {
  out = 0;

  override take(): Buffer {
    this.out++;
    return super.take();
  }

  override give(buffer: Buffer): void {
    this.out--;
    // A chunk that is used after it was given back shows.
    buffer.fill(0);
    super.give(buffer);
  }
}
