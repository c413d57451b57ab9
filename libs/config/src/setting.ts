import type { z } from 'zod';

/** The headings under which the settings are listed in `.env.example` and docs/operations.md. */
export type SettingGroup = 'Installation' | 'Database and queue' | 'API' | 'FTP' | 'TLS' | 'Storage' | 'Logs';

/** One environment variable: how it is read, what it is without being set, and the line that explains it. */
export interface Setting<T> {
  readonly group: SettingGroup;
  /** One line for operators. */
  readonly comment: string;
  /** Text that stands for an unset variable; null where unset has a meaning of its own. */
  readonly fallback: string | null;
  /** What the documents say about the default where the text alone does not tell. */
  readonly fallbackNote?: string;
  /** Its value never appears in a message. */
  readonly secret?: boolean;
  readonly value: z.ZodType<T, string>;
}

/** A setting that always has a value. */
export function setting<T>(
  row: Setting<T> & { readonly fallback: string },
): Setting<T> & { readonly fallback: string } {
  return row;
}

/** A setting that may be left unset; `fallbackNote` says what happens then. */
export function optionalSetting<T>(
  row: Omit<Setting<T>, 'fallback'> & { readonly fallbackNote: string },
): Setting<T> & { readonly fallback: null } {
  return { ...row, fallback: null };
}
