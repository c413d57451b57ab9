import { childOf, compileSegment, DomainError, nameOf, segmentGlobFault, type VirtualPath } from '@quayside/domain';
import type { AccountFileSystem, SeenEntry } from '../filesystem/account-file-system.js';
import type { ListOptions } from './list-options.js';
import { merged } from './merged.js';

/** Formats one entry; `name` is what the listing calls it, and may have folders before it. */
export type LineFormat = (entry: SeenEntry, name: string) => string;

/** What a listing reads from. */
export interface ListingSource {
  readonly fs: AccountFileSystem;
  readonly verb: string;
  readonly signal: AbortSignal;
}

/** Up to this many entries of one directory come sorted by name; more are streamed as the disk gives them. */
const SORTED_ENTRIES = 2048;
/** `-t`, `-S` and `-r` sort directories up to this size. */
const SORTABLE_ENTRIES = 200_000;
/** What `-R` and globs visit at most. */
const MAX_DIRECTORIES = 10_000;
const MAX_DEPTH = 64;

const GLOB = /[*?[]/;

/** The listing of a path that exists: what is in a directory, or the one line of anything else. */
export async function* listPath(
  source: ListingSource,
  path: VirtualPath,
  named: string,
  options: ListOptions,
  format: LineFormat,
): AsyncGenerator<string> {
  const { fs, signal, verb } = source;
  const entry = await fs.stat(path);
  if (entry.kind !== 'directory' || options.directoryItself) {
    fs.require({ operation: 'list', path }, verb);
    yield format(entry, named === '' ? '.' : named);
    return;
  }
  if (options.recursive) {
    yield* listBelow(source, path, named, options, format);
    return;
  }
  for await (const page of inOrder(await fs.list(path, verb, signal), options)) yield linesOf(page, format);
}

/** `ls -R`: each directory under its own heading, breadth first, to a bounded depth. */
async function* listBelow(
  source: ListingSource,
  top: VirtualPath,
  named: string,
  options: ListOptions,
  format: LineFormat,
): AsyncGenerator<string> {
  const { fs, signal, verb } = source;
  const queue: { path: VirtualPath; name: string; depth: number }[] = [
    { path: top, name: named === '' ? '.' : named, depth: 0 },
  ];
  for (let visited = 0; visited < queue.length; visited++) {
    const { path, name, depth } = queue[visited]!;
    let pages: AsyncIterable<readonly SeenEntry[]>;
    try {
      pages = await fs.list(path, verb, signal);
    } catch (error) {
      // Below the top, what may not be listed or went away meanwhile is left out, as ls does.
      if (visited === 0 || !(error instanceof DomainError)) throw error;
      continue;
    }
    const prefix = name.endsWith('/') ? name : `${name}/`;
    yield visited === 0 ? `${name}:\r\n` : `\r\n${name}:\r\n`;
    for await (const page of inOrder(pages, options)) {
      yield linesOf(page, format);
      if (depth >= MAX_DEPTH) continue;
      for (const entry of page) {
        if (entry.kind !== 'directory' || queue.length >= MAX_DIRECTORIES) continue;
        queue.push({ path: childOf(path, entry.name), name: `${prefix}${entry.name}`, depth: depth + 1 });
      }
    }
  }
}

/** Whether the text of a path has a wildcard that can be used as one. */
export function isGlob(text: string): boolean {
  return (
    GLOB.test(text) && text.split('/').every((segment) => !GLOB.test(segment) || segmentGlobFault(segment) === null)
  );
}

/** Entries that match a pattern, each under the name that the pattern gives it (`docs/*.txt` → `docs/a.txt`). */
export async function* listGlob(source: ListingSource, pattern: string, format: LineFormat): AsyncGenerator<string> {
  const absolute = pattern.startsWith('/');
  const segments = pattern.split('/').filter((segment) => segment !== '');
  const visits = { left: MAX_DIRECTORIES };
  const start = source.fs.resolve(absolute ? '/' : '.');
  yield* matching(source, start, absolute ? '/' : '', segments, visits, format);
}

async function* matching(
  source: ListingSource,
  directory: VirtualPath,
  prefix: string,
  segments: readonly string[],
  visits: { left: number },
  format: LineFormat,
): AsyncGenerator<string> {
  const { fs, signal, verb } = source;
  const [segment, ...rest] = segments as [string, ...string[]];
  if (!GLOB.test(segment)) {
    if (rest.length > 0) {
      const next = fs.resolve(`${directory === '/' ? '' : directory}/${segment}`);
      yield* matching(source, next, `${prefix}${segment}/`, rest, visits, format);
    }
    return;
  }
  if (visits.left-- <= 0) return;
  const glob = compileSegment(segment);
  // A leading dot must be asked for, as in a shell.
  const dotted = segment.startsWith('.');
  const deeper: string[] = [];
  let pages: AsyncIterable<readonly SeenEntry[]>;
  try {
    pages = await fs.list(directory, verb, signal);
  } catch (error) {
    if (error instanceof DomainError && error.code !== 'access.denied') return;
    throw error;
  }
  for await (const page of inOrder(pages, null)) {
    const matches = page.filter(({ name }) => (dotted || !name.startsWith('.')) && glob.matches(name));
    if (rest.length === 0) yield matches.map((entry) => format(entry, `${prefix}${entry.name}`)).join('');
    else
      for (const entry of matches)
        if (entry.kind === 'directory' && deeper.length < visits.left) deeper.push(entry.name);
  }
  for (const name of deeper)
    yield* matching(source, childOf(directory, name), `${prefix}${name}/`, rest, visits, format);
}

function linesOf(page: readonly SeenEntry[], format: LineFormat): string {
  let text = '';
  for (const entry of page) text += format(entry, entry.name);
  return text;
}

/** Sorted where that needs little memory or was asked for; else page by page as they come. */
export async function* inOrder(
  pages: AsyncIterable<readonly SeenEntry[]>,
  options: ListOptions | null,
): AsyncGenerator<readonly SeenEntry[]> {
  const asked = options !== null && (options.byTime || options.bySize || options.reverse);
  const limit = asked ? SORTABLE_ENTRIES : SORTED_ENTRIES;
  const order = orderOf(options);
  let runs: (readonly SeenEntry[])[] | null = [];
  let held = 0;
  for await (const page of pages) {
    if (runs === null) {
      yield page;
      continue;
    }
    runs.push(asked ? page.toSorted(order) : page);
    held += page.length;
    if (held <= limit) continue;
    yield* runs;
    runs = null;
  }
  if (runs === null) return;
  if (asked) yield* merged(runs, order);
  else yield runs.flat().toSorted(order);
}

function byName(a: SeenEntry, b: SeenEntry): number {
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}

function orderOf(options: ListOptions | null): (a: SeenEntry, b: SeenEntry) => number {
  if (options === null) return byName;
  const sign = options.reverse ? -1 : 1;
  if (options.byTime) return (a, b) => sign * (b.modifiedMs - a.modifiedMs || byName(a, b));
  if (options.bySize) return (a, b) => sign * (b.size - a.size || byName(a, b));
  return (a, b) => sign * byName(a, b);
}

/** The name of a path for a listing of it alone. */
export function shownName(path: VirtualPath): string {
  return nameOf(path) === '' ? '/' : nameOf(path);
}
