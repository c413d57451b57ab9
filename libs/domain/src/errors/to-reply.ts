import { asDomainError } from './domain-error.js';
import { ERROR_CATALOG, type ErrorCode } from './error-catalog.js';

/** A final FTP reply: a three-digit code and its text (no CR or LF). */
export interface ErrorReply {
  readonly code: number;
  readonly text: string;
}

/**
 * Any thrown value as the FTP reply a client gets.
 * @param overrides reply codes for verbs whose RFC 959 §5.4 list asks for another code than the table's.
 */
export function toReply(thrown: unknown, overrides: Partial<Record<ErrorCode, number>> = {}): ErrorReply {
  const error = asDomainError(thrown);
  const row = ERROR_CATALOG[error.code];
  return { code: overrides[error.code] ?? row.ftp ?? 451, text: oneLine(error.detail ?? row.title) };
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, ' ');
}
