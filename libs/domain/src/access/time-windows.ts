import type { TimeWindow } from './policy-rules.js';
import { DAY_MS, MINUTE_MS, offsetMs, offsetSpans, wallTime, type WallTime } from './wall-clock.js';

export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
/** Most time windows in one policy. */
export const MAX_TIME_WINDOWS = 50;
/** A week and a day: every answer of weekly windows recurs within it, daylight saving included. */
const HORIZON_MS = 8 * DAY_MS;

interface CompiledWindow {
  /** Weekdays on which the window starts, 0 = Sunday. */
  readonly days: ReadonlySet<number>;
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly timeZone: string;
}

/** The time windows of one policy. */
export interface CompiledTimes {
  isOpen(atMs: number): boolean;
  /** The next instant after `atMs` at which the answer differs; null where it never does. */
  nextChange(atMs: number): number | null;
}

/** Minutes since midnight of `HH:MM` (`24:00` is the end of a day), or null. */
export function minutesOf(text: string): number | null {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (match !== null) return Number(match[1]) * 60 + Number(match[2]);
  return text === '24:00' ? 1440 : null;
}

/**
 * Compile the windows of one policy; open inside any of them, always where there are none. A window is what the clock
 * on the wall of its zone shows: when the clock is put forward, the skipped minutes never come, and when it is put
 * back, the repeated minutes count twice. A window whose end is not after its start runs past midnight and belongs to
 * the weekday on which it starts.
 */
export function compileTimeWindows(windows: readonly TimeWindow[]): CompiledTimes {
  const compiled = windows.map(compileWindow);
  const isOpen = (atMs: number) =>
    compiled.length === 0 ||
    compiled.some((window) => isInside(window, wallTime(atMs, offsetMs(window.timeZone, atMs))));
  return {
    isOpen,
    nextChange(atMs) {
      if (compiled.length === 0) return null;
      const now = isOpen(atMs);
      const candidates = compiled.flatMap((window) => edges(window, atMs)).toSorted((a, b) => a - b);
      return candidates.find((candidate) => isOpen(candidate) !== now) ?? null;
    },
  };
}

function compileWindow(window: TimeWindow): CompiledWindow {
  const fromMinute = minutesOf(window.from);
  const toMinute = minutesOf(window.to);
  if (fromMinute === null || toMinute === null) throw new Error('Times of a window are HH:MM');
  return {
    days: new Set(window.days.map((day) => WEEKDAYS.indexOf(day))),
    fromMinute,
    toMinute,
    timeZone: window.timeZone,
  };
}

function isInside(window: CompiledWindow, { weekday, minute }: WallTime): boolean {
  const { days, fromMinute, toMinute } = window;
  if (toMinute > fromMinute) return days.has(weekday) && minute >= fromMinute && minute < toMinute;
  return (days.has(weekday) && minute >= fromMinute) || (days.has((weekday + 6) % 7) && minute < toMinute);
}

/** Instants after `atMs` at which the answer of one window may change: its edges, and every change of the offset. */
function edges(window: CompiledWindow, atMs: number): number[] {
  const found: number[] = [];
  for (const span of offsetSpans(window.timeZone, atMs, atMs + HORIZON_MS)) {
    found.push(span.fromMs);
    const firstDay = Math.floor((span.fromMs + span.offset) / DAY_MS);
    const lastDay = Math.floor((span.toMs + span.offset) / DAY_MS);
    for (let day = firstDay; day <= lastDay; day++) {
      for (const minute of [0, window.fromMinute, window.toMinute]) {
        const edge = day * DAY_MS + minute * MINUTE_MS - span.offset;
        if (edge >= span.fromMs && edge < span.toMs) found.push(edge);
      }
    }
  }
  return found.filter((edge) => edge > atMs);
}

/** A window as text: `mon, tue 08:00-18:00 Europe/Berlin`. */
export function windowText(window: TimeWindow): string {
  return `${window.days.join(', ')} ${window.from}-${window.to} ${window.timeZone}`;
}
