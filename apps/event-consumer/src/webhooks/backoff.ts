const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** After the first failure, the second, …; the last one is for all that follow. */
const DELAYS_MS = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  30 * MINUTE_MS,
  HOUR_MS,
  2 * HOUR_MS,
  4 * HOUR_MS,
  6 * HOUR_MS,
] as const;
const JITTER = 0.2;
const LONGEST_ASKED_MS = 6 * HOUR_MS;

/** For how long a message is tried, from the moment it was queued. */
export const GIVE_UP_AFTER_SECONDS = 72 * 3600;

/**
 * How long to wait after `failures` failures in a row (1 or more); longer where the receiver asks for it.
 * @param random from 0 to 1
 */
export function backoffMs(failures: number, retryAfterSeconds: number | null, random: number): number {
  const delay = DELAYS_MS[Math.min(failures, DELAYS_MS.length) - 1] ?? DELAYS_MS[0];
  const asked = Math.min((retryAfterSeconds ?? 0) * SECOND_MS, LONGEST_ASKED_MS);
  return Math.round(Math.max(delay * (1 - JITTER + 2 * JITTER * random), asked));
}
