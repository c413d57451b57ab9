import type { Caps } from '../access/policy-rules.js';
import { offsetMs, startOfLocalDay } from '../access/wall-clock.js';

/** A calendar month of a time zone. */
export interface TrafficMonth {
  /** `YYYY-MM`. */
  readonly name: string;
  /** First instant, and first instant of the next month. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** The month that traffic at an instant counts for. */
export function trafficMonth(atMs: number, timeZone: string): TrafficMonth {
  const local = new Date(atMs + offsetMs(timeZone, atMs));
  const year = local.getUTCFullYear();
  const month = local.getUTCMonth() + 1;
  return {
    name: `${year}-${String(month).padStart(2, '0')}`,
    fromMs: startOfLocalDay(timeZone, year, month, 1),
    toMs: month === 12 ? startOfLocalDay(timeZone, year + 1, 1, 1) : startOfLocalDay(timeZone, year, month + 1, 1),
  };
}

/** Bytes of a month so far. */
export interface TrafficUsed {
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
}

/** Bytes that may still be moved in a direction this month; null where no cap speaks about it. */
export function trafficLeft(caps: Caps, used: TrafficUsed, direction: 'upload' | 'download'): number | null {
  const { monthlyTotal } = caps;
  const cap = direction === 'upload' ? caps.monthlyUpload : caps.monthlyDownload;
  const moved = direction === 'upload' ? used.uploadedBytes : used.downloadedBytes;
  const lefts: number[] = [];
  if (cap !== undefined) lefts.push(cap - moved);
  if (monthlyTotal !== undefined) lefts.push(monthlyTotal - used.uploadedBytes - used.downloadedBytes);
  return lefts.length === 0 ? null : Math.max(0, Math.min(...lefts));
}
