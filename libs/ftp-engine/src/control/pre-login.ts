/**
 * Verbs of other protocols that a browser or mail program can be tricked into sending to an FTP port; the connection
 * closes at the first of them, before a later line of the same request can be taken for a command.
 */
const FOREIGN_VERBS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'TRACE',
  'PATCH',
  'PROPFIND',
  'HELO',
  'EHLO',
  'LHLO',
  'MAIL',
  'RCPT',
  'DATA',
]);

/** Whether an unknown verb before login shows that this is not an FTP client. */
export function isForeignProtocol(directive: string): boolean {
  if (FOREIGN_VERBS.has(directive) || directive.startsWith('HTTP/') || directive.endsWith(':')) return true;
  for (let at = 0; at < directive.length; at++) {
    const code = directive.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
