import { expect, it } from '@jest/globals';
import { merged } from './merged.js';

async function pagesOf(runs: readonly (readonly number[])[]): Promise<(readonly number[])[]> {
  const pages: (readonly number[])[] = [];
  for await (const page of merged(runs, (a, b) => a - b)) pages.push(page);
  return pages;
}

it('makes one sequence of sorted runs', async () => {
  expect(await pagesOf([])).toEqual([]);
  expect(await pagesOf([[], [1]])).toEqual([[1]]);
  expect(await pagesOf([[1, 4, 4, 9], [], [2, 4], [0]])).toEqual([[0, 1, 2, 4, 4, 4, 9]]);
});

it('comes in pages, and lets others have the event loop between them', async () => {
  const numbers = Array.from({ length: 5000 }, (_, index) => (index * 7919) % 5000);
  const runs = Array.from({ length: 50 }, (_, run) =>
    numbers.slice(run * 100, run * 100 + 100).toSorted((a, b) => a - b),
  );
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns++;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const pages = await pagesOf(runs);
  counting = false;
  expect(pages.flat()).toEqual(Array.from({ length: 5000 }, (_, index) => index));
  expect(Math.max(...pages.map((page) => page.length))).toBe(512);
  expect(turns).toBeGreaterThanOrEqual(pages.length);
});
