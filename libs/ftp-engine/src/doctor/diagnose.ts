import type { ErrorCode } from '@quayside/domain';
import type { CodeOf } from './doctor-table.js';

const OF_LOGIN: Partial<Record<ErrorCode, CodeOf<'login'>>> = {
  'auth.failed': 'BAD_CREDENTIAL',
  'auth.certificate': 'CERTIFICATE_DENIED',
  'auth.throttled': 'THROTTLED',
  'auth.busy': 'SERVER_BUSY',
  'auth.tls-required': 'PROTOCOL_DENIED',
  'access.protocol-refused': 'PROTOCOL_DENIED',
  'access.address-refused': 'ADDRESS_DENIED',
  'access.time-refused': 'HOURS_DENIED',
  'access.expired': 'EXPIRED',
  'account.suspended': 'SUSPENDED',
  'session.limit': 'TOO_MANY_SESSIONS',
  'database.unavailable': 'SERVER_BUSY',
  internal: 'SERVER_BUSY',
};

/** Why a login was refused. */
export function diagnoseLogin(error: ErrorCode): CodeOf<'login'> {
  return OF_LOGIN[error] ?? 'LOGIN_REFUSED';
}

/** Ends that nobody has to ask support about. */
const GOOD_ENDS: ReadonlySet<string> = new Set(['quit', 'closed']);

const OF_SESSION: Readonly<Record<string, CodeOf<'session'>>> = {
  idle: 'IDLE',
  'data-connection-unused': 'DATA_UNUSED',
  'login-timeout': 'LOGIN_TIMEOUT',
  'login-failures': 'LOGIN_FAILURES',
  'tls-handshake-failed': 'CONTROL_TLS_FAILED',
  'tls-handshake-timeout': 'CONTROL_TLS_FAILED',
  'plaintext-after-auth': 'PLAINTEXT_AFTER_AUTH',
  'foreign-protocol': 'FOREIGN_PROTOCOL',
  'too-many-commands': 'COMMAND_FLOOD',
  'overlong-lines': 'COMMAND_FLOOD',
  'replies-unread': 'REPLIES_UNREAD',
  'connection-closed': 'CONNECTION_LOST',
  'connection-reset': 'CONNECTION_LOST',
};

/** Why a session ended, of its `endReason`; null where it ended well. Reasons that hosts give are the server's doing. */
export function diagnoseSession(endReason: string): CodeOf<'session'> | null {
  return GOOD_ENDS.has(endReason) ? null : (OF_SESSION[endReason] ?? 'ENDED_BY_SERVER');
}
