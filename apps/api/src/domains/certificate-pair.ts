import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

/** What can be said of a certificate without its key. */
export interface CertificateFacts {
  /** The subject's alternative names, e.g. `DNS:ftp.example.com`. */
  readonly names: string;
  readonly issuer: string;
  readonly validFrom: string;
  readonly validUntil: string;
  /** SHA-256, hexadecimal with colons. */
  readonly fingerprint: string;
}

/** Why a pair cannot serve a domain; null where it can. Says nothing of the key but that it does not fit. */
export function pairFault(
  domain: string,
  certificate: string,
  privateKey: string,
  nowMs: number,
): { readonly field: 'certificate' | 'privateKey'; readonly message: string } | null {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch {
    return { field: 'certificate', message: 'must be an X.509 certificate in PEM, followed by its chain' };
  }
  if (parsed.checkHost(domain) === undefined) return { field: 'certificate', message: `does not name ${domain}` };
  if (Date.parse(parsed.validTo) <= nowMs) return { field: 'certificate', message: 'has expired' };
  try {
    createSecureContext({ cert: certificate, key: privateKey, minVersion: 'TLSv1.2' });
  } catch {
    return { field: 'privateKey', message: 'must be the unencrypted PEM key of the certificate' };
  }
  return null;
}

/** Null for what is no certificate. */
export function certificateFacts(certificate: string): CertificateFacts | null {
  try {
    const parsed = new X509Certificate(certificate);
    return {
      names: parsed.subjectAltName ?? parsed.subject,
      issuer: parsed.issuer.replaceAll('\n', ', '),
      validFrom: new Date(parsed.validFrom).toISOString(),
      validUntil: new Date(parsed.validTo).toISOString(),
      fingerprint: parsed.fingerprint256,
    };
  } catch {
    return null;
  }
}
