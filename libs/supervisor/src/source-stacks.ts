import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

/** As V8 writes it: of an ES module, with line and column from 1. */
const PLACE = /(file:\/\/\/[^\s()]+\.js):(\d+):(\d+)/;

/** V8's own, which writes itself as a frame of a stack. */
type Frame = NodeJS.CallSite & { toString(): string };

/** Of each built file that a stack has named; null where it has none. */
const maps = new Map<string, SourceMap | null>();

/**
 * Let the stacks of errors name the places in our sources. Node's own `--enable-source-maps` reads the maps of all that
 * is loaded, at every start; here a map is read with the first stack that is asked for.
 */
export function followSources(): void {
  Error.prepareStackTrace = (error, sites: Frame[]) =>
    [headOf(error), ...sites.map((site) => `    at ${inSources(site.toString())}`)].join('\n');
}

/** As Node writes it: an error of its own with its code. */
function headOf(error: Error): string {
  const { code } = error as { readonly code?: unknown };
  const text = Error.prototype.toString.call(error);
  if (typeof code !== 'string' || !code.startsWith('ERR_') || !text.startsWith(`${error.name}: `)) return text;
  return `${error.name} [${code}]${text.slice(error.name.length)}`;
}

/** One line of a stack. Unchanged where the place is in no source of ours, or is not known. */
export function inSources(frame: string): string {
  const [place, url = '', line, column] = PLACE.exec(frame) ?? [];
  if (place === undefined) return frame;
  try {
    const found = mapOf(url)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (found === undefined || !('originalSource' in found) || found.originalSource === undefined) return frame;
    const source = fileURLToPath(new URL(found.originalSource, url));
    return frame.replace(place, `${source}:${found.originalLine + 1}:${found.originalColumn + 1}`);
  } catch {
    // Whoever reports an error gets its stack, whatever is wrong with the map.
    return frame;
  }
}

/** Throws where the file is there and cannot be read just now. */
function mapOf(url: string): SourceMap | null {
  let map = maps.get(url);
  if (map === undefined) {
    const file = fileURLToPath(`${url}.map`);
    map = existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8'))) : null;
    maps.set(url, map);
  }
  return map;
}
