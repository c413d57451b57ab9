import { describe, expect, it } from '@jest/globals';
import { exportList } from './export.js';

function numbers(total: number, reads: number[]) {
  return (after: number | null, limit: number) => {
    const start = after === null ? 0 : after + 1;
    reads.push(start);
    return Promise.resolve(Array.from({ length: Math.min(limit, total - start) }, (_value, n) => start + n));
  };
}

const options = {
  name: 'numbers',
  columns: [['n', (item: { n: number }) => item.n]] as const,
  present: (n: number) => ({ n }),
};

describe('exportList', () => {
  it('gives every row once, over all pages', async () => {
    const { read, ...rest } = { ...options, read: numbers(2_500, []) };
    const chunks: Buffer[] = [];
    const file = exportList({ ...rest, read, format: 'ndjson' });
    for await (const chunk of file.getStream() as AsyncIterable<Buffer>) chunks.push(chunk);
    const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(
      Array.from({ length: 2_500 }, (_value, n) => n),
    );
  });

  it('reads no further than the client does', async () => {
    const reads: number[] = [];
    const file = exportList({ ...options, read: numbers(1_000_000, reads), format: 'csv' });
    const iterator = file.getStream()[Symbol.asyncIterator]();
    const first = await iterator.next();
    expect(String(first.value)).toContain('n\r\n');
    await new Promise((resolve) => setImmediate(resolve));
    expect(reads.length).toBeLessThan(30);
    await iterator.return?.();
  });
});
