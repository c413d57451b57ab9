/** Field names whose values never reach a log, at the top of a record and up to three levels below it. */
const SECRET_FIELDS = [
  'password',
  'passwordHash',
  'pass',
  'hash',
  'secret',
  'token',
  'apiKey',
  'adminKey',
  'key',
  'authorization',
  'Authorization',
  'cookie',
  'privateKey',
  'connectionString',
];

/** What stands in the log in place of a secret. */
export const REDACTED = '[redacted]';

/** The paths for pino's `redact`. */
export const REDACTED_PATHS: readonly string[] = SECRET_FIELDS.flatMap((field) => [
  field,
  `*.${field}`,
  `*.*.${field}`,
  `*.*.*.${field}`,
]);

/** `scheme://user:password@host`: a password inside a connection address. */
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"'\\]*):[^\s/"'\\]+@/gi;
/** An HTTP credential in free text. */
const BEARER = /\b(Bearer)\s+[\w.~+/=-]{8,}/gi;
/** The FTP verb that carries a password; JSON escapes what follows the end of the line. */
const PASS_COMMAND = /\b(PASS) [^"\\\r\n]+/g;

/** Takes secrets out of free text, such as a driver's error message. */
export function scrub(text: string): string {
  return text
    .replace(URL_PASSWORD, `$1:${REDACTED}@`)
    .replace(BEARER, `$1 ${REDACTED}`)
    .replace(PASS_COMMAND, `$1 ${REDACTED}`);
}
