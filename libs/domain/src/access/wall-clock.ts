/** What a clock on the wall of a time zone shows. */
export interface WallTime {
  /** 0 = Sunday … 6 = Saturday. */
  readonly weekday: number;
  /** Minutes since local midnight. */
  readonly minute: number;
}

export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

/** Formatters cost about 50 µs to make and some KiB to keep; tenants share few zones. */
const MAX_FORMATTERS = 200;
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  if (formatters.size >= MAX_FORMATTERS) formatters.clear();
  formatters.set(timeZone, formatter);
  return formatter;
}

/** Whether this runtime knows an IANA time zone of this name; plain offsets such as `+02:00` are none. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  try {
    formatterOf(name);
    return true;
  } catch {
    return false;
  }
}

/** Local time less UTC at an instant, in ms (whole seconds). */
export function offsetMs(timeZone: string, atMs: number): number {
  const wholeMs = Math.floor(atMs / 1000) * 1000;
  const part: Record<string, number> = {};
  for (const { type, value } of formatterOf(timeZone).formatToParts(wholeMs)) part[type] = Number(value);
  return (
    Date.UTC(part['year']!, part['month']! - 1, part['day'], part['hour'], part['minute'], part['second']) - wholeMs
  );
}

/** Local time at an instant, given the zone's offset. */
export function wallTime(atMs: number, offset: number): WallTime {
  const local = atMs + offset;
  const day = Math.floor(local / DAY_MS);
  return { weekday: (((day + 4) % 7) + 7) % 7, minute: Math.floor((local - day * DAY_MS) / MINUTE_MS) };
}

/** A span of time with one offset; `fromMs` inclusive, `toMs` exclusive. */
export interface OffsetSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly offset: number;
}

/** The offsets of a zone between two instants. Changes of offset less than a day apart would be missed; no zone has any. */
export function offsetSpans(timeZone: string, fromMs: number, toMs: number): OffsetSpan[] {
  const spans: OffsetSpan[] = [];
  let start = fromMs;
  let offset = offsetMs(timeZone, fromMs);
  for (let at = fromMs; at < toMs;) {
    const next = Math.min(at + DAY_MS, toMs);
    const nextOffset = offsetMs(timeZone, next);
    if (nextOffset !== offset) {
      const change = changeBetween(timeZone, at, next, offset);
      spans.push({ fromMs: start, toMs: change, offset });
      start = change;
      offset = nextOffset;
    }
    at = next;
  }
  spans.push({ fromMs: start, toMs, offset });
  return spans;
}

/** First instant (to the second, as zones change) in (lowMs, highMs] at which the offset is not `offset` any more. */
function changeBetween(timeZone: string, lowMs: number, highMs: number, offset: number): number {
  let low = Math.floor(lowMs / 1000);
  let high = Math.ceil(highMs / 1000);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMs(timeZone, middle * 1000) === offset) low = middle;
    else high = middle;
  }
  return high * 1000;
}

/** The instant at which a local date begins in a zone: its first instant, where midnight itself is skipped. */
export function startOfLocalDay(timeZone: string, year: number, month: number, day: number): number {
  const local = Date.UTC(year, month - 1, day);
  const spans = offsetSpans(timeZone, local - 2 * DAY_MS, local + 2 * DAY_MS);
  for (const span of spans) {
    const at = Math.max(local - span.offset, span.fromMs);
    if (at < span.toMs && at + span.offset >= local) return at;
  }
  throw new Error(`${timeZone} never reaches ${year}-${month}-${day}`);
}
