/** One row of the error table: what an HTTP client and an FTP client are told. */
export interface ErrorRow {
  /** Short, stable sentence; the RFC 9457 `title` and the default FTP text. */
  readonly title: string;
  /** HTTP status of the problem document. */
  readonly http: number;
  /** FTP reply code; `null` where the error cannot occur on the FTP side. */
  readonly ftp: number | null;
  /** Whether the same request may succeed later without a change by the caller. */
  readonly retryable: boolean;
}

/**
 * THE error table. Every failure a caller can meet is a row here; `docs/errors.md` is generated from it.
 * The FTP codes follow RFC 959 §5.4 and RFC 4217; where a verb's list of allowed codes asks for another one, the
 * verb passes it as an override to `toReply`.
 */
export const ERROR_CATALOG = {
  'request.invalid': { title: 'The request is not valid', http: 400, ftp: 501, retryable: false },
  'request.malformed': { title: 'The request body is not valid JSON', http: 400, ftp: null, retryable: false },
  'request.too-large': { title: 'The request body is too large', http: 413, ftp: null, retryable: false },
  'request.unsupported-media-type': { title: 'Send application/json', http: 415, ftp: null, retryable: false },
  'request.method-not-allowed': {
    title: 'This address does not take that method',
    http: 405,
    ftp: null,
    retryable: false,
  },
  'request.unknown-route': { title: 'There is nothing at this address', http: 404, ftp: null, retryable: false },
  'request.idempotency-conflict': {
    title: 'This Idempotency-Key was used for a different request',
    http: 422,
    ftp: null,
    retryable: false,
  },
  'request.idempotency-in-progress': {
    title: 'A request with this Idempotency-Key is still running',
    http: 409,
    ftp: null,
    retryable: true,
  },
  'request.rate-limited': { title: 'Too many requests', http: 429, ftp: 421, retryable: true },
  'auth.missing': { title: 'Send an API key as a bearer token', http: 401, ftp: 530, retryable: false },
  'auth.failed': { title: 'Login incorrect', http: 401, ftp: 530, retryable: false },
  'auth.required': { title: 'Log in first', http: 401, ftp: 530, retryable: false },
  'auth.tls-required': { title: 'Use AUTH TLS first', http: 403, ftp: 530, retryable: false },
  'auth.certificate': { title: 'Login incorrect', http: 403, ftp: 530, retryable: false },
  'auth.throttled': { title: 'Too many failed logins; try again later', http: 429, ftp: 421, retryable: true },
  'auth.busy': { title: 'The server is busy; try again shortly', http: 503, ftp: 421, retryable: true },
  'access.denied': { title: 'Permission denied', http: 403, ftp: 550, retryable: false },
  'access.forbidden': { title: 'This API key may not do that', http: 403, ftp: null, retryable: false },
  'access.address-refused': { title: 'Login incorrect', http: 403, ftp: 530, retryable: false },
  'access.protocol-refused': { title: 'Login incorrect', http: 403, ftp: 530, retryable: false },
  'access.time-refused': { title: 'Login incorrect', http: 403, ftp: 530, retryable: true },
  'access.expired': { title: 'Login incorrect', http: 403, ftp: 530, retryable: false },
  'tenant.not-found': { title: 'There is no such tenant', http: 404, ftp: 530, retryable: false },
  'tenant.slug-taken': { title: 'Another tenant has this slug', http: 409, ftp: null, retryable: false },
  'tenant.not-empty': { title: 'The tenant still has accounts', http: 409, ftp: null, retryable: false },
  'tenant.limit-reached': { title: "The tenant's limit is reached", http: 409, ftp: 552, retryable: false },
  'domain.not-found': { title: 'There is no such domain', http: 404, ftp: null, retryable: false },
  'domain.taken': { title: 'A tenant has this domain already', http: 409, ftp: null, retryable: false },
  'domain.limit-reached': {
    title: 'The tenant has as many domains as it may have',
    http: 409,
    ftp: null,
    retryable: false,
  },
  'account.not-found': { title: 'There is no such account', http: 404, ftp: 530, retryable: false },
  'account.username-taken': {
    title: 'Another account of this tenant has this user name',
    http: 409,
    ftp: null,
    retryable: false,
  },
  'credential.not-found': { title: 'There is no such password', http: 404, ftp: null, retryable: false },
  'credential.label-taken': {
    title: 'Another password of this account has this label',
    http: 409,
    ftp: null,
    retryable: false,
  },
  'credential.limit': { title: 'The account has as many passwords as it may', http: 409, ftp: null, retryable: false },
  'credential.required': {
    title: 'The main password cannot be removed; change it or suspend the account',
    http: 409,
    ftp: null,
    retryable: false,
  },
  'account.suspended': { title: 'This account is suspended', http: 403, ftp: 530, retryable: false },
  'api-key.not-found': { title: 'There is no such API key', http: 404, ftp: null, retryable: false },
  'policy.not-found': { title: 'There is no such policy', http: 404, ftp: null, retryable: false },
  'policy.name-taken': { title: 'Another policy has this name', http: 409, ftp: null, retryable: false },
  'policy.in-use': { title: 'The policy is still in use', http: 409, ftp: null, retryable: false },
  'space.not-found': { title: 'There is no such space', http: 404, ftp: 550, retryable: false },
  'space.name-taken': { title: 'Another space of this tenant has this name', http: 409, ftp: null, retryable: false },
  'space.not-empty': { title: 'The space still holds files', http: 409, ftp: null, retryable: false },
  'space.in-use': { title: 'Accounts still have the space mounted', http: 409, ftp: null, retryable: false },
  'recount.not-found': { title: 'There is no such recount', http: 404, ftp: null, retryable: false },
  'mount.not-found': { title: 'There is no such mount', http: 404, ftp: null, retryable: false },
  'mount.path-taken': { title: 'The account has another mount at this path', http: 409, ftp: null, retryable: false },
  'mount.overlap': {
    title: 'The account would see the same files at two paths',
    http: 409,
    ftp: null,
    retryable: false,
  },
  'mount.limit': { title: 'The account has as many mounts as it may', http: 409, ftp: null, retryable: false },
  'dead-event.not-found': { title: 'There is no such dead event', http: 404, ftp: null, retryable: false },
  'dead-event.not-retryable': {
    title: 'The database can never take this event as it is',
    http: 409,
    ftp: null,
    retryable: false,
  },
  'ban.not-found': { title: 'There is no such ban', http: 404, ftp: null, retryable: false },
  'session.not-found': { title: 'There is no such session', http: 404, ftp: null, retryable: false },
  'session.limit': { title: 'Too many sessions; close one and try again', http: 429, ftp: 421, retryable: true },
  'session.ended': { title: 'The session was ended by the administrator', http: 410, ftp: 421, retryable: true },
  'session.idle': { title: 'Closing the idle connection', http: 408, ftp: 421, retryable: true },
  'engine.draining': {
    title: 'The server is going down for maintenance; connect again',
    http: 503,
    ftp: 421,
    retryable: true,
  },
  'node.not-found': { title: 'There is no such node', http: 404, ftp: null, retryable: false },
  'webhook.not-found': { title: 'There is no such webhook', http: 404, ftp: null, retryable: false },
  'webhook.delivery-not-found': { title: 'There is no such delivery', http: 404, ftp: null, retryable: false },
  'webhook.limit-reached': {
    title: 'The tenant has as many webhooks as it may have',
    http: 409,
    ftp: null,
    retryable: false,
  },
  'version.conflict': {
    title: 'The resource was changed meanwhile; read it again',
    http: 412,
    ftp: null,
    retryable: true,
  },
  'version.required': { title: 'Send If-Match with the ETag you read', http: 428, ftp: null, retryable: false },
  'cursor.invalid': { title: 'This cursor is not valid for this list', http: 400, ftp: null, retryable: false },
  'path.not-found': { title: 'No such file or directory', http: 404, ftp: 550, retryable: false },
  'path.exists': { title: 'The name is already in use', http: 409, ftp: 550, retryable: false },
  'path.not-directory': { title: 'Not a directory', http: 409, ftp: 550, retryable: false },
  'path.is-directory': { title: 'Is a directory', http: 409, ftp: 550, retryable: false },
  'path.not-empty': { title: 'The directory is not empty', http: 409, ftp: 550, retryable: false },
  'path.not-regular': { title: 'Not a regular file', http: 409, ftp: 550, retryable: false },
  'path.incomplete': {
    title: 'Incomplete upload; resume it or upload the file again',
    http: 409,
    ftp: 550,
    retryable: false,
  },
  'path.name-refused': { title: 'File name not allowed', http: 422, ftp: 553, retryable: false },
  'path.busy': { title: 'The file is busy; try again', http: 409, ftp: 450, retryable: true },
  'restart.beyond-end': {
    title: 'The restart position is beyond the end of the file',
    http: 409,
    ftp: 554,
    retryable: false,
  },
  'quota.exceeded': { title: 'Quota exceeded', http: 409, ftp: 552, retryable: false },
  'quota.file-too-large': { title: 'The file is larger than allowed', http: 409, ftp: 552, retryable: false },
  'quota.traffic': { title: 'The monthly traffic is used up', http: 409, ftp: 450, retryable: true },
  'storage.full': { title: 'The server is out of disk space; try again later', http: 507, ftp: 452, retryable: true },
  'storage.unavailable': {
    title: 'The storage is not available; try again later',
    http: 503,
    ftp: 451,
    retryable: true,
  },
  'journal.full': {
    title: 'The server cannot record transfers right now; try again later',
    http: 503,
    ftp: 451,
    retryable: true,
  },
  'data.no-connection': { title: 'Cannot open the data connection', http: 500, ftp: 425, retryable: true },
  'data.aborted': { title: 'Transfer aborted', http: 500, ftp: 426, retryable: true },
  'data.stalled': {
    title: 'No data was received for too long; transfer aborted',
    http: 500,
    ftp: 426,
    retryable: true,
  },
  'data.protection-required': { title: 'Send PBSZ 0 and PROT P first', http: 403, ftp: 521, retryable: false },
  'data.tls-failed': { title: 'TLS on the data connection failed', http: 500, ftp: 522, retryable: true },
  'database.unavailable': {
    title: 'The database is not available; try again later',
    http: 503,
    ftp: 421,
    retryable: true,
  },
  internal: { title: 'Internal error; the operator has the details', http: 500, ftp: 451, retryable: true },
} as const satisfies Record<string, ErrorRow>;

/** A stable error code: the key of a row of {@link ERROR_CATALOG}. */
export type ErrorCode = keyof typeof ERROR_CATALOG;
