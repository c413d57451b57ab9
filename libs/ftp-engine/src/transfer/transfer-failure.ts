import { asDomainError, DomainError, type ErrorCode } from '@quayside/domain';
import { type AbortCause, CommandAborted } from '../control/command-aborted.js';
import { type CodeOf, DOCTOR } from '../doctor/doctor-table.js';
import type { TransferOutcome } from '../ports.js';

/** The doctor’s codes for transfers that end early. */
export type FailureReason = CodeOf<'data' | 'transfer'>;

/** Reasons after which the customer's own staged bytes are worth keeping. */
const RESUMABLE: ReadonlySet<FailureReason> = new Set([
  'CONNECTION_RESET',
  'TLS_TRUNCATED',
  'CLIENT_ABORT',
  'CONTROL_LOST',
  'SESSION_ENDED',
  'TRAFFIC',
  'ACCESS_LOST',
  'STALLED',
  'SIZE_MISMATCH',
  'JOURNAL_ERROR',
  'DATABASE_AWAY',
]);

const REASON_OF_ABORT: Record<AbortCause, FailureReason> = {
  abor: 'CLIENT_ABORT',
  'control-lost': 'CONTROL_LOST',
  'session-ended': 'SESSION_ENDED',
  refused: 'ACCESS_LOST',
};

const REASON_OF_CODE: Partial<Record<ErrorCode, FailureReason>> = {
  'data.no-connection': 'PASV_NEVER_CONNECTED',
  'data.tls-failed': 'TLS_HANDSHAKE_FAILED',
  'data.stalled': 'STALLED',
  'data.aborted': 'CONNECTION_RESET',
  'quota.exceeded': 'QUOTA',
  'quota.file-too-large': 'FILE_TOO_LARGE',
  'quota.traffic': 'TRAFFIC',
  'storage.full': 'DISK_FULL',
  'storage.unavailable': 'STORAGE_ERROR',
  'journal.full': 'JOURNAL_ERROR',
  'database.unavailable': 'DATABASE_AWAY',
  'path.exists': 'NAME_TAKEN',
};

/** A transfer that ended early: the reply its client gets, and the reason that its event carries. */
export class TransferFailure extends DomainError {
  constructor(
    code: ErrorCode,
    readonly reason: FailureReason,
    options: { readonly detail?: string; readonly cause?: unknown } = {},
  ) {
    super(code, options);
    this.name = 'TransferFailure';
  }

  get hint(): string {
    return DOCTOR[this.reason].hint;
  }

  get outcome(): TransferOutcome {
    return this.reason === 'CLIENT_ABORT' ? 'aborted' : 'failed';
  }

  /** Whether a client may go on where this transfer ended. */
  get resumable(): boolean {
    return RESUMABLE.has(this.reason);
  }
}

/** Whatever a transfer threw, with the reason that the event carries. */
export function asTransferFailure(thrown: unknown): TransferFailure {
  if (thrown instanceof TransferFailure) return thrown;
  if (thrown instanceof CommandAborted) {
    return new TransferFailure(thrown.code, REASON_OF_ABORT[thrown.abortCause], {
      detail: thrown.detail,
      cause: thrown,
    });
  }
  const error = asDomainError(thrown);
  return new TransferFailure(
    error.code,
    REASON_OF_CODE[error.code] ?? (error.code === 'internal' ? 'INTERNAL' : 'STORAGE_ERROR'),
    {
      detail: error.detail,
      cause: error.cause ?? error,
    },
  );
}
