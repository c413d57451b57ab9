import { type FieldFault, asDomainError } from './domain-error.js';
import { ERROR_CATALOG, type ErrorCode } from './error-catalog.js';

/** RFC 9457 problem document. `type` is a relative reference into docs/errors.md. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail?: string;
  readonly errors?: readonly FieldFault[];
}

/** Any thrown value as the problem document a REST client gets. */
export function toProblem(thrown: unknown): Problem {
  const error = asDomainError(thrown);
  const row = ERROR_CATALOG[error.code];
  return {
    type: `/docs/errors#${error.code}`,
    title: row.title,
    status: row.http,
    code: error.code,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    ...(error.faults.length === 0 ? {} : { errors: error.faults }),
  };
}
