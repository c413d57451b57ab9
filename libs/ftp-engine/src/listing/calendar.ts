const DAY_MS = 86_400_000;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Half of a Gregorian year, as GNU ls counts it. */
const SIX_MONTHS_MS = 15_778_476_000;

const pair = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'));

interface Day {
  readonly day: number;
  /** `20240131`. */
  readonly compact: string;
  /** `Jan 31`, with the day of the month padded by a space. */
  readonly short: string;
  readonly year: number;
}

/**
 * UTC dates as text for long listings. Neighbouring entries often share their day, so the last one is kept: turning a
 * number into a calendar date is most of what a line costs.
 */
export class Calendar {
  #last: Day = dayOf(0);

  /** RFC 3659 §2.3 `YYYYMMDDHHMMSS`. */
  timeVal(ms: number): string {
    const second = Math.floor(mod(ms) / 1000);
    return `${this.#day(ms).compact}${pair[Math.floor(second / 3600)]}${pair[Math.floor(second / 60) % 60]}${pair[second % 60]}`;
  }

  /** As `ls -l` in the C locale: the time for the last six months, else the year. */
  listDate(ms: number, nowMs: number): string {
    const day = this.#day(ms);
    if (ms > nowMs || ms <= nowMs - SIX_MONTHS_MS) return `${day.short}  ${String(day.year).padStart(4, '0')}`;
    const minute = Math.floor(mod(ms) / 60_000);
    return `${day.short} ${pair[Math.floor(minute / 60)]}:${pair[minute % 60]}`;
  }

  #day(ms: number): Day {
    const day = Math.floor(ms / DAY_MS);
    if (day !== this.#last.day) this.#last = dayOf(day);
    return this.#last;
  }
}

function mod(ms: number): number {
  return ms - Math.floor(ms / DAY_MS) * DAY_MS;
}

function dayOf(day: number): Day {
  const date = new Date(day * DAY_MS);
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth();
  const ofMonth = date.getUTCDate();
  return {
    day,
    compact: `${String(year).padStart(4, '0')}${pair[month + 1]}${pair[ofMonth]}`,
    short: `${MONTHS[month]} ${String(ofMonth).padStart(2, ' ')}`,
    year,
  };
}

const TIME_VAL = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(?:\.(\d{1,9}))?$/;

/** Milliseconds since the epoch of an RFC 3659 §2.3 time; null where it is none or names a day that does not exist. */
export function parseTimeVal(text: string): number | null {
  const match = TIME_VAL.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // RFC 3659 allows a leap second.
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 60) return null;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second, Number((match[7] ?? '0').padEnd(3, '0').slice(0, 3)));
  const date = new Date(Date.UTC(year, month - 1, day));
  return day >= 1 && date.getUTCMonth() === month - 1 && date.getUTCFullYear() === year ? ms : null;
}
