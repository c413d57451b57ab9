import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { TimeWindow } from './policy-rules.js';
import { compileTimeWindows, minutesOf, WEEKDAYS } from './time-windows.js';
import { isTimeZone, startOfLocalDay } from './wall-clock.js';

const berlin = (days: TimeWindow['days'], from: string, to: string): TimeWindow => ({
  days,
  from,
  to,
  timeZone: 'Europe/Berlin',
});
const open = (window: TimeWindow, at: string) => compileTimeWindows([window]).isOpen(Date.parse(at));
const next = (window: TimeWindow, at: string) => {
  const instant = compileTimeWindows([window]).nextChange(Date.parse(at));
  return instant === null ? null : new Date(instant).toISOString();
};

describe('a time window', () => {
  it('is open always where there is none', () => {
    expect(compileTimeWindows([]).isOpen(0)).toBe(true);
    expect(compileTimeWindows([]).nextChange(0)).toBeNull();
  });

  it('follows the clock on the wall in winter and in summer', () => {
    const office = berlin(['mon'], '08:00', '18:00');
    expect(open(office, '2026-01-05T07:00:00Z')).toBe(true);
    expect(open(office, '2026-01-05T06:59:59Z')).toBe(false);
    expect(open(office, '2026-07-06T06:00:00Z')).toBe(true);
    expect(open(office, '2026-07-06T16:00:00Z')).toBe(false);
    expect(open(office, '2026-07-07T08:00:00Z')).toBe(false);
  });

  it('runs past midnight and belongs to the day on which it starts', () => {
    const night = berlin(['fri'], '22:00', '06:00');
    expect(open(night, '2026-01-09T21:30:00Z')).toBe(true);
    expect(open(night, '2026-01-10T04:59:00Z')).toBe(true);
    expect(open(night, '2026-01-10T05:00:00Z')).toBe(false);
    expect(open(night, '2026-01-09T04:00:00Z')).toBe(false);
    expect(open(berlin(['fri'], '09:00', '09:00'), '2026-01-10T07:59:00Z')).toBe(true);
    expect(open(berlin(['fri'], '00:00', '24:00'), '2026-01-09T22:59:00Z')).toBe(true);
    expect(open(berlin(['fri'], '00:00', '24:00'), '2026-01-09T23:00:00Z')).toBe(false);
  });

  it('never opens in the hour that is skipped, and opens twice in the one that is repeated', () => {
    // 29 March 2026: 02:00 becomes 03:00 at 01:00Z. 25 October 2026: 03:00 becomes 02:00 at 01:00Z.
    const gap = berlin(['sun'], '02:15', '02:45');
    expect(next(gap, '2026-03-28T12:00:00Z')).toBe('2026-04-05T00:15:00.000Z');
    const early = berlin(['sun'], '02:30', '03:30');
    expect(next(early, '2026-03-29T00:00:00Z')).toBe('2026-03-29T01:00:00.000Z');
    expect(next(early, '2026-03-29T01:00:00Z')).toBe('2026-03-29T01:30:00.000Z');
    expect(next(gap, '2026-10-25T00:00:00Z')).toBe('2026-10-25T00:15:00.000Z');
    expect(next(gap, '2026-10-25T00:15:00Z')).toBe('2026-10-25T00:45:00.000Z');
    expect(next(gap, '2026-10-25T00:45:00Z')).toBe('2026-10-25T01:15:00.000Z');
    expect(next(gap, '2026-10-25T01:15:00Z')).toBe('2026-10-25T01:45:00.000Z');
  });

  it('has no next change where it covers the whole week', () => {
    expect(next(berlin([...WEEKDAYS], '00:00', '24:00'), '2026-03-28T12:00:00Z')).toBeNull();
  });

  it('changes next exactly when a minute-by-minute search says so', () => {
    const clock = fc.constantFrom('00:00', '01:30', '02:00', '02:30', '03:00', '12:10', '23:00');
    const window = fc.record({
      days: fc.uniqueArray(fc.constantFrom(...WEEKDAYS), { minLength: 1 }),
      from: clock,
      to: clock,
      timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'),
    });
    // Around the clock changes of 2026, and at odd seconds.
    const around = fc.constantFrom(
      '2026-03-28T00:00:07Z',
      '2026-10-24T12:00:07Z',
      '2026-03-07T20:00:07Z',
      '2026-10-31T20:00:07Z',
      '2026-04-04T00:00:07Z',
      '2026-06-15T00:00:07Z',
    );
    fc.assert(
      fc.property(fc.array(window, { minLength: 1, maxLength: 2 }), around, fc.nat(1440), (windows, start, minutes) => {
        const times = compileTimeWindows(windows);
        const from = Date.parse(start) + minutes * 60_000;
        const now = times.isOpen(from);
        let expected: number | null = null;
        const until = from + 2 * 86_400_000;
        for (let at = Math.ceil(from / 60_000) * 60_000; at < until; at += 5 * 60_000 - (at % (5 * 60_000))) {
          if (times.isOpen(at) !== now) {
            expected = at;
            break;
          }
        }
        const found = times.nextChange(from);
        expect(found !== null && found < until ? found : null).toBe(expected);
      }),
      {
        numRuns: 60,
        // An edge a few seconds before the search ends, which a search to another end missed.
        examples: [
          [[{ days: ['mon'], from: '23:00', to: '00:00', timeZone: 'Australia/Lord_Howe' }], '2026-10-24T12:00:07Z', 0],
        ],
      },
    );
  }, 30_000);

  it('reads times of a day and names of zones', () => {
    expect(minutesOf('09:05')).toBe(545);
    for (const text of ['9:05', '24:01', '12:60', '', 'noon']) expect(minutesOf(text)).toBeNull();
    expect(isTimeZone('Europe/Berlin')).toBe(true);
    for (const zone of ['Europe/Atlantis', '+02:00', '', 'UTC; DROP']) expect(isTimeZone(zone)).toBe(false);
  });

  it('begins a day at its first instant, also where midnight is skipped', () => {
    // Beirut puts its clock forward at midnight: 29 March 2026 begins at 01:00.
    expect(new Date(startOfLocalDay('Asia/Beirut', 2026, 3, 29)).toISOString()).toBe('2026-03-28T22:00:00.000Z');
    expect(new Date(startOfLocalDay('Asia/Kolkata', 2026, 1, 1)).toISOString()).toBe('2025-12-31T18:30:00.000Z');
  });
});
