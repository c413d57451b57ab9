/** What a code is about. */
export type DoctorSubject = 'login' | 'session' | 'data' | 'transfer';

export interface Diagnosis {
  readonly about: DoctorSubject;
  /** What support can read out to the customer; it names no secret, host path or other customer. */
  readonly hint: string;
}

/** THE table of the connection doctor: every failed login, session, data connection and transfer has one of its codes. */
export const DOCTOR = {
  BAD_CREDENTIAL: { about: 'login', hint: 'User name or password are wrong.' },
  CERTIFICATE_DENIED: {
    about: 'login',
    hint: 'The client certificate is missing, is not valid, or names another account.',
  },
  ADDRESS_DENIED: { about: 'login', hint: 'The policy refuses the address that the client comes from.' },
  PROTOCOL_DENIED: { about: 'login', hint: 'The policy refuses this protocol: TLS is required, or FTPS is off.' },
  HOURS_DENIED: { about: 'login', hint: 'The policy allows no login at this hour.' },
  EXPIRED: { about: 'login', hint: 'The account, its password or its policy has expired.' },
  SUSPENDED: { about: 'login', hint: 'The account or its tenant is suspended.' },
  THROTTLED: { about: 'login', hint: 'Too many failed logins from there: it is let in again later.' },
  TOO_MANY_SESSIONS: { about: 'login', hint: 'As many sessions are open as the policy allows.' },
  SERVER_BUSY: { about: 'login', hint: 'The server could not decide about the login; try again.' },
  LOGIN_REFUSED: { about: 'login', hint: 'The login was refused by a rule.' },
  IDLE: { about: 'session', hint: 'No command came for too long.' },
  DATA_UNUSED: {
    about: 'session',
    hint: 'A data connection was prepared or opened, and no transfer was started on it.',
  },
  LOGIN_TIMEOUT: { about: 'session', hint: 'The client did not log in in time.' },
  LOGIN_FAILURES: { about: 'session', hint: 'Too many logins failed on one connection.' },
  CONTROL_TLS_FAILED: {
    about: 'session',
    hint: 'The TLS handshake on the control connection failed; the client must offer TLS 1.2 or later.',
  },
  PLAINTEXT_AFTER_AUTH: {
    about: 'session',
    hint: 'Something followed AUTH before the TLS handshake: a faulty client, or somebody between it and the server.',
  },
  FOREIGN_PROTOCOL: { about: 'session', hint: 'What connected spoke another protocol, such as HTTP.' },
  COMMAND_FLOOD: { about: 'session', hint: 'The client sent too many or too long commands.' },
  REPLIES_UNREAD: { about: 'session', hint: 'The client did not read its replies.' },
  CONNECTION_LOST: { about: 'session', hint: 'The control connection was closed without QUIT, or reset.' },
  ENDED_BY_SERVER: {
    about: 'session',
    hint: 'An administrator, a change of the rules or maintenance ended the session.',
  },
  PASV_NEVER_CONNECTED: {
    about: 'data',
    hint: 'The client never connected to the passive port: a firewall on its side, or the public address of the server, is in the way.',
  },
  STRANGER_ON_DATA_PORT: {
    about: 'data',
    hint: 'Data connections came from another address than the control connection: a proxy or NAT with several addresses.',
  },
  ACTIVE_REFUSED: {
    about: 'data',
    hint: 'The server could not connect to the client: a firewall or NAT is in the way; use passive mode.',
  },
  TLS_HANDSHAKE_FAILED: {
    about: 'data',
    hint: 'The TLS handshake on the data connection failed; the client must offer TLS 1.2 or later there as well.',
  },
  TLS_SESSION_NOT_RESUMED: {
    about: 'data',
    hint: 'The data connection did not resume the TLS session of the control connection, which the policy requires: another client program, or session reuse `prefer`, helps.',
  },
  PROT_MISSING: {
    about: 'data',
    hint: 'The client asked for a transfer in clear where it must be protected: it has to send PBSZ 0 and PROT P.',
  },
  TLS_TRUNCATED: {
    about: 'transfer',
    hint: 'The client ended the data connection without TLS close_notify, so that the file may be cut.',
  },
  CONNECTION_RESET: {
    about: 'transfer',
    hint: 'The data connection was reset by the client or by something in between.',
  },
  CLIENT_ABORT: { about: 'transfer', hint: 'The client cancelled the transfer.' },
  CONTROL_LOST: { about: 'transfer', hint: 'The control connection was lost during the transfer.' },
  SESSION_ENDED: { about: 'transfer', hint: 'The session was ended by the server during the transfer.' },
  STALLED: { about: 'transfer', hint: 'No data moved for too long.' },
  SIZE_MISMATCH: { about: 'transfer', hint: 'The client announced another size with ALLO than it sent.' },
  QUOTA: { about: 'transfer', hint: 'The quota is used up.' },
  TRAFFIC: { about: 'transfer', hint: 'The monthly traffic is used up.' },
  ACCESS_LOST: { about: 'transfer', hint: 'The right to do this was taken away during the transfer.' },
  FILE_TOO_LARGE: { about: 'transfer', hint: 'The file is larger than the policy allows.' },
  DISK_FULL: { about: 'transfer', hint: 'The server has no disk space left.' },
  NAME_TAKEN: { about: 'transfer', hint: 'Somebody else took the name during the upload.' },
  STORAGE_ERROR: { about: 'transfer', hint: 'The storage failed.' },
  JOURNAL_ERROR: { about: 'transfer', hint: 'The server could not record the transfer.' },
  DATABASE_AWAY: {
    about: 'transfer',
    hint: 'The quota could not be asked because the server’s database was away; the upload can be resumed.',
  },
  INTERNAL: { about: 'transfer', hint: 'An internal error.' },
} as const satisfies Record<string, Diagnosis>;

export type DoctorCode = keyof typeof DOCTOR;
export type CodeOf<Subject extends DoctorSubject> = {
  [Code in DoctorCode]: (typeof DOCTOR)[Code]['about'] extends Subject ? Code : never;
}[DoctorCode];
