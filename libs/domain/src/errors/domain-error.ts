import { ERROR_CATALOG, type ErrorCode } from './error-catalog.js';

/** One fault of one input field, as the problem document lists it. */
export interface FieldFault {
  /** Dotted path of the field, e.g. `quota.bytes`; empty for the whole body. */
  readonly field: string;
  readonly message: string;
}

export interface DomainErrorOptions {
  /** What the caller should know beyond the row's title; shown to clients, so never a secret or a host path. */
  readonly detail?: string;
  readonly faults?: readonly FieldFault[];
  /** The technical cause: logged, never sent. */
  readonly cause?: unknown;
}

/** The one exception type for failures a caller may meet; anything else that is thrown is a bug (`internal`). */
export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly faults: readonly FieldFault[];

  constructor(code: ErrorCode, options: DomainErrorOptions = {}) {
    super(
      options.detail ?? ERROR_CATALOG[code].title,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'DomainError';
    this.code = code;
    this.detail = options.detail;
    this.faults = options.faults ?? [];
  }
}

/** Any thrown value as a DomainError; what is not one becomes `internal` with the original as its cause. */
export function asDomainError(thrown: unknown): DomainError {
  return thrown instanceof DomainError ? thrown : new DomainError('internal', { cause: thrown });
}
