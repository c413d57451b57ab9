import { asDomainError, DomainError, type ErrorCode } from '@quayside/domain';
import { type AbortCause, CommandAborted } from '../control/command-aborted.js';
import type { TransferOutcome } from '../ports.js';

/** The connection doctor's codes for transfers that end early. */
export type FailureReason =
  | 'PASV_NEVER_CONNECTED'
  | 'STRANGER_ON_DATA_PORT'
  | 'ACTIVE_CONNECT_FAILED'
  | 'DATA_TLS_FAILED'
  | 'TLS_TRUNCATED'
  | 'CONNECTION_RESET'
  | 'CLIENT_ABORT'
  | 'CONTROL_LOST'
  | 'SESSION_ENDED'
  | 'STALLED'
  | 'SIZE_MISMATCH'
  | 'QUOTA'
  | 'TRAFFIC'
  | 'ACCESS_LOST'
  | 'FILE_TOO_LARGE'
  | 'DISK_FULL'
  | 'NAME_TAKEN'
  | 'STORAGE_ERROR'
  | 'JOURNAL_ERROR'
  | 'INTERNAL';

/** What support can read out to the customer; it names no secret, host path or other customer. */
const HINTS: Record<FailureReason, string> = {
  PASV_NEVER_CONNECTED:
    'The client never connected to the passive port: a firewall on its side, or the public address of the server, is in the way.',
  STRANGER_ON_DATA_PORT:
    'Data connections came from another address than the control connection: a proxy or NAT with several addresses.',
  ACTIVE_CONNECT_FAILED:
    'The server could not connect to the client: a firewall or NAT is in the way; use passive mode.',
  DATA_TLS_FAILED:
    'The TLS handshake on the data connection failed; the client must offer TLS 1.2 or later there as well.',
  TLS_TRUNCATED: 'The client ended the data connection without TLS close_notify, so that the file may be cut.',
  CONNECTION_RESET: 'The data connection was reset by the client or by something in between.',
  CLIENT_ABORT: 'The client cancelled the transfer.',
  CONTROL_LOST: 'The control connection was lost during the transfer.',
  SESSION_ENDED: 'The session was ended by the server during the transfer.',
  STALLED: 'No data moved for too long.',
  SIZE_MISMATCH: 'The client announced another size with ALLO than it sent.',
  QUOTA: 'The quota is used up.',
  TRAFFIC: 'The monthly traffic is used up.',
  ACCESS_LOST: 'The right to do this was taken away during the transfer.',
  FILE_TOO_LARGE: 'The file is larger than the policy allows.',
  DISK_FULL: 'The server has no disk space left.',
  NAME_TAKEN: 'Somebody else took the name during the upload.',
  STORAGE_ERROR: 'The storage failed.',
  JOURNAL_ERROR: 'The server could not record the transfer.',
  INTERNAL: 'An internal error.',
};

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
]);

const REASON_OF_ABORT: Record<AbortCause, FailureReason> = {
  abor: 'CLIENT_ABORT',
  'control-lost': 'CONTROL_LOST',
  'session-ended': 'SESSION_ENDED',
  refused: 'ACCESS_LOST',
};

const REASON_OF_CODE: Partial<Record<ErrorCode, FailureReason>> = {
  'data.no-connection': 'PASV_NEVER_CONNECTED',
  'data.tls-failed': 'DATA_TLS_FAILED',
  'data.stalled': 'STALLED',
  'data.aborted': 'CONNECTION_RESET',
  'quota.exceeded': 'QUOTA',
  'quota.file-too-large': 'FILE_TOO_LARGE',
  'quota.traffic': 'TRAFFIC',
  'storage.full': 'DISK_FULL',
  'storage.unavailable': 'STORAGE_ERROR',
  'journal.full': 'JOURNAL_ERROR',
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
    return HINTS[this.reason];
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
