import {
  isId,
  MAX_PASSWORD_BYTES,
  MIN_PASSWORD_LENGTH,
  passwordFault,
  SLUG_PATTERN,
  STATUSES,
  USERNAME_PATTERN,
} from '@quayside/domain';
import { z } from 'zod';

/** Schemas of the fields that several resources share. */

export const id = z.uuid().describe('UUID version 7; sorts by creation time.');
export const version = z.int().describe('Counts the changes of what can be edited; the ETag holds it.');
export const time = z.iso.datetime().describe('RFC 3339, UTC.');
export const status = z.enum(STATUSES);

/** Bytes and counts: integers from 0 to 2^53-1, which JSON numbers hold exactly. */
export const count = z.int().min(0);
export const limit = count.nullable().describe('null: unlimited.');

/** A line that people read. */
export const label = z
  .string()
  .trim()
  .min(1)
  .max(200)
  // Control characters forge log lines and FTP replies; half a surrogate pair is no text at all.
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'cannot contain control characters');

export const slug = z
  .string()
  .regex(SLUG_PATTERN, 'must be a DNS label: a-z, 0-9 and -, at most 63 characters, no - at either end')
  .refine((text) => !isId(text), 'cannot have the form of an id');

/** Case-folded: `Web` and `web` are one user. */
export const username = z
  .string()
  .regex(USERNAME_PATTERN, 'must start with a letter or digit and have at most 64 of: letters, digits, . _ + -')
  .refine((text) => !isId(text.toLowerCase()), 'cannot have the form of an id')
  .transform((text) => text.toLowerCase());

export const password = z
  .string()
  .superRefine((text, context) => {
    const fault = passwordFault(text);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  })
  .meta({
    minLength: MIN_PASSWORD_LENGTH,
    maxLength: MAX_PASSWORD_BYTES,
    format: 'password',
    description: `At least ${MIN_PASSWORD_LENGTH} characters and at most ${MAX_PASSWORD_BYTES} bytes of UTF-8.`,
  });

/** A moment in the future or the past, with any offset; becomes a Date. */
export const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

/** A moment in a query string. */
export const moment = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .optional();

/** A path, or with a trailing `*` the start of one. */
export const pathFilter = z
  .string()
  .min(1)
  .max(4096)
  .transform((text) => (text.endsWith('*') ? { text: text.slice(0, -1), prefix: true } : { text, prefix: false }))
  .optional()
  .describe('Exact path; with a trailing `*` everything that starts so.');

export function isoOrNull(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}

/** Counters may be below zero for a moment (a deletion applied before its upload); nobody outside sees that. */
export function shownCount(value: number): number {
  return Math.max(0, value);
}

/** The body of an action that takes no fields; unknown ones are still refused. */
export const nothing = z.strictObject({});
