import { DomainError, parsePath, type VirtualPath } from '@quayside/domain';
import { z } from 'zod';

/**
 * A path that an admin writes: absolute and without `.` and `..`, which would say something else than they seem to.
 * Becomes a normalised path in Unicode's composed form.
 */
export const viewPath = z
  .string()
  .superRefine((text, context) => {
    const fault = faultOf(text);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  })
  .transform((text) => parsePath(text.normalize('NFC')) as string)
  .meta({ examples: ['/', '/shared/photos'] });

function faultOf(text: string): string | null {
  if (!text.startsWith('/')) return 'must be an absolute path';
  if (/[\p{Cc}\p{Cs}]/u.test(text)) return 'cannot contain control characters';
  if (text.split('/').some((segment) => segment === '.' || segment === '..')) return 'cannot contain . or .. segments';
  return tooLong(text);
}

function tooLong(text: string): string | null {
  try {
    parsePath(text.normalize('NFC')) satisfies VirtualPath;
    return null;
  } catch (error) {
    if (error instanceof DomainError) return error.message;
    throw error;
  }
}
