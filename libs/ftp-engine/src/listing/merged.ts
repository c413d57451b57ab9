import { setImmediate as turn } from 'node:timers/promises';

/** Entries of one page; between two pages the event loop has its turn. */
const PAGE_ENTRIES = 512;

interface Run<T> {
  readonly entries: readonly T[];
  at: number;
}

/** Sorted runs as one sorted sequence of pages: a large folder is put in order without holding everybody else up. */
export async function* merged<T>(
  runs: readonly (readonly T[])[],
  order: (a: T, b: T) => number,
): AsyncGenerator<readonly T[]> {
  // A heap by the next entry of each run.
  const heap: Run<T>[] = [];
  const before = (a: Run<T>, b: Run<T>): boolean => order(a.entries[a.at]!, b.entries[b.at]!) < 0;
  for (const entries of runs) {
    if (entries.length === 0) continue;
    heap.push({ entries, at: 0 });
    rise(heap, before);
  }
  while (heap.length > 0) {
    const page: T[] = [];
    while (page.length < PAGE_ENTRIES && heap.length > 0) {
      const first = heap[0]!;
      page.push(first.entries[first.at++]!);
      if (first.at === first.entries.length) {
        const last = heap.pop()!;
        if (heap.length === 0) break;
        heap[0] = last;
      }
      sink(heap, before);
    }
    yield page;
    await turn();
  }
}

/** The last of the heap goes up to its place. */
function rise<T>(heap: T[], before: (a: T, b: T) => boolean): void {
  for (let at = heap.length - 1; at > 0;) {
    const parent = (at - 1) >> 1;
    if (!before(heap[at]!, heap[parent]!)) return;
    swap(heap, at, parent);
    at = parent;
  }
}

/** The first of the heap goes down to its place. */
function sink<T>(heap: T[], before: (a: T, b: T) => boolean): void {
  for (let at = 0; ;) {
    const left = 2 * at + 1;
    if (left >= heap.length) return;
    const right = left + 1;
    const child = right < heap.length && before(heap[right]!, heap[left]!) ? right : left;
    if (!before(heap[child]!, heap[at]!)) return;
    swap(heap, at, child);
    at = child;
  }
}

function swap(heap: unknown[], a: number, b: number): void {
  [heap[a], heap[b]] = [heap[b], heap[a]];
}
