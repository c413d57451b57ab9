import type { TLSSocket } from 'node:tls';
import { handleOf } from '../frame/socket-handle.js';

/** Node's own binding under a TLSSocket: its servers ask it the same, but keep the answer for sockets of their own. */
interface NativeTls {
  verifyError?(): (Error & { readonly code?: string }) | null | undefined;
}

/** The client's certificate after the handshake. */
export interface ClientCertificate {
  /** Common names and e-mail addresses (SAN) in it; null where it does not stand. */
  readonly names: readonly string[] | null;
  /** Why it does not stand, in OpenSSL's words. */
  readonly fault: string | null;
}

/** What a client has shown for itself; null where it showed nothing. Call it on a server's socket that asked for it. */
export function clientCertificateOf(socket: TLSSocket): ClientCertificate | null {
  const certificate = socket.getPeerCertificate();
  // The declarations leave out that it is empty where there is none.
  if (Object.keys(certificate).length === 0) return null;
  const native = handleOf<NativeTls>(socket);
  if (typeof native?.verifyError !== 'function') return { names: null, fault: 'cannot be verified' };
  const error = native.verifyError();
  if (error !== null && error !== undefined) return { names: null, fault: error.code ?? error.message };
  const common = certificate.subject?.CN as string | readonly string[] | undefined;
  return { names: [...[common ?? []].flat(), ...emailsOf(certificate.subjectaltname ?? '')], fault: null };
}

/** One entry of Node's text for subject alternative names; values with special characters stand as JSON strings. */
const ENTRY = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)/gy;

/** The e-mail addresses among subject alternative names as Node writes them. */
export function emailsOf(subjectAltName: string): string[] {
  const emails: string[] = [];
  for (const [, kind, value] of subjectAltName.matchAll(ENTRY)) {
    if (kind === 'email') emails.push(value!.startsWith('"') ? (JSON.parse(value!) as string) : value!);
  }
  return emails;
}
